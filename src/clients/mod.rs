//! The systems beside Docker, each by its own protocol: image registries, load balancers, channels of notifications.

mod error;
pub mod haproxy;
pub mod notify;
pub mod reach;
pub mod registry;

pub use error::{Error, ErrorKind};
