//! The systems beside Docker, each by its own protocol: image registries, load balancers.

mod error;
pub mod haproxy;
pub mod reach;
pub mod registry;

pub use error::{Error, ErrorKind};
