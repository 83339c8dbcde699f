//! Deploys: an app's release is planned, brought to its hosts batch by batch, watched, and taken back when it is not well.
//!
//! One loop changes hosts ([`converge`]): it looks, does the first thing that is missing, and looks again. There is no
//! journal; whoever goes on with a deploy that was killed runs the same loop over the same targets.

mod back;
mod check;
mod converge;
mod draft;
mod drift;
mod fronts;
mod gray;
mod hold;
mod listen;
mod look;
mod parcel;
mod permit;
mod pins;
mod place;
mod plan;
mod prepare;
mod read;
mod rollout;
mod site;
mod spread;
mod stages;
mod swarm;
mod teller;
#[cfg(test)]
pub(crate) mod tests;
mod traffic;
mod watch;
mod wishes;

pub use converge::{Next, Seen, converge, next};
pub use draft::{Draft, Task, current};
pub use drift::{Coming, Deployed, Drift, Progress, deployed, progress, share, standing};
pub use listen::Heard;
pub use place::{Place, Trouble};
pub use plan::{again, plan};
pub use prepare::{Desk, prepare, scope};
pub use rollout::{Begin, carry_out, run};
pub(in crate::ops) use spread::{is_allowed, load};
pub use stages::{Stage, stages};
pub use swarm::Swarms;
pub use traffic::Move;
