//! Everything random in the sim, as a pure function of a seed: the same seed gives the same fleet.

use std::fmt::Write as _;

/// A point in the tree of random values. Children are named or numbered, so that asking for one
/// value never changes another, in whatever order they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The root of a fleet.
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// The number that it is.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The seed that is that number.
    pub const fn of_number(number: u64) -> Self {
        Self(number)
    }

    /// The child with this name.
    pub fn of(self, name: &str) -> Self {
        Self(
            name.bytes()
                .fold(self.0, |state, byte| mix(state ^ u64::from(byte))),
        )
    }

    /// The child with this number.
    pub const fn at(self, number: u64) -> Self {
        Self(mix(self.0 ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// A number below `limit` (0 when `limit` is 0).
    pub const fn below(self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.0 % limit }
    }

    /// A span of time below `limit`, in the unit of `limit`; 0 when there is none below it.
    pub fn span(self, limit: i64) -> i64 {
        i64::try_from(self.below(limit.max(1).unsigned_abs())).unwrap_or(0)
    }

    /// A number in `0.0..1.0`.
    pub fn unit(self) -> f64 {
        let high = u32::try_from(self.0 >> 32).unwrap_or(u32::MAX);
        f64::from(high) / 4_294_967_296.0
    }

    /// One of `items`, which must not be empty.
    pub fn pick<T>(self, items: &[T]) -> &T {
        let len = items.len() as u64;
        &items[usize::try_from(self.below(len)).unwrap_or(0)]
    }

    /// 64 lower-case hexadecimal digits, the shape of Docker's ids and digests.
    pub fn hex64(self) -> String {
        let mut out = String::with_capacity(64);
        for part in 0..4 {
            let _ = write!(out, "{:016x}", self.at(part).0);
        }
        out
    }

    /// `len` characters such as a generated password has.
    pub fn secret(self, len: u64) -> String {
        const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789";
        (0..len)
            .map(|i| char::from(*self.at(i).pick(LETTERS)))
            .collect()
    }
}

/// splitmix64's finisher: every bit of the input changes about half of the output.
const fn mix(value: u64) -> u64 {
    let mut x = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
