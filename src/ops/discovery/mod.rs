//! Lists of the targets of apps, kept outside: what belongs into them, and bringing it there.

mod act;
mod listing;
mod prepare;
mod wanted;

pub(crate) use act::{act, look, publish};
pub use listing::{Sight, listing};
pub use prepare::prepare;
pub(crate) use prepare::{chosen, leave, stay};
pub(super) use wanted::services;
pub use wanted::{Wanted, wanted};
