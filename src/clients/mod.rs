//! The systems beside Docker, each by its own protocol: image registries, load balancers, Jenkins, channels of
//! notifications.

pub mod balancer;
pub mod discovery;
mod error;
mod finding;
pub mod haproxy;
pub mod jenkins;
pub mod nginx;
pub mod notify;
pub mod reach;
pub mod registry;

pub use error::{Error, ErrorKind};
pub use finding::Finding;
