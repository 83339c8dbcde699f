//! The systems beside Docker, each by its own protocol: image registries.

mod error;
pub mod registry;

pub use error::{Error, ErrorKind};
