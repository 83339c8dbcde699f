//! The lines of logs, held for reading: bounded, merged in the order of time, cleaned of what terminals obey,
//! searched and filtered over all that is held.
//!
//! A [`Book`] holds them in segments of bytes with an index of lines. All work over many lines (filtering, counting
//! hits) is done segment by segment, in portions ([`Book::work`]), so that nobody waits for it.

mod book;
mod clean;
mod excerpt;
mod fields;
mod filter;
mod ink;
mod level;
mod mask;
mod pattern;
mod segment;
mod trace;

pub use book::{Book, Line};
pub use clean::strip;
pub use excerpt::{Excerpt, Shown};
pub use fields::{fields, pretty, values};
pub use filter::Filter;
pub use ink::{Ink, Tint};
pub use level::Level;
pub use mask::{MaskError, Masks};
pub use pattern::{Pattern, PatternError};
