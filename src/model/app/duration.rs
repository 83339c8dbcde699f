//! Lengths of time as whole nanoseconds, which is how engines take them.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, Serializer};

#[expect(clippy::ref_option, reason = "serde asks for a reference to the field")]
pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        // 584 years fit.
        Some(time) => to.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
        None => to.serialize_none(),
    }
}

pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<u64>::deserialize(from)?.map(Duration::from_nanos))
}
