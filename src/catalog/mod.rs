//! Templates: Compose and Portainer files into app specs.

pub mod compose;
mod policy;

pub use policy::policy;
