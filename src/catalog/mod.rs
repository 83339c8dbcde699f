//! Templates: Compose and Portainer files into app specs.

pub mod compose;
mod embedded;
mod kept;
pub mod pipeline;
mod policy;
mod portainer;
mod shelf;
mod template;
#[cfg(test)]
mod tests;

pub use kept::{keep, kept_commit};
pub use policy::policy;
pub use portainer::{Converted, Outcome, convert};
pub use shelf::{Catalog, Disk};
pub use template::{Filled, fill, make, read, render};
