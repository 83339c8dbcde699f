//! As much of protobuf's wire format as speaking with BuildKit needs.

/// A message that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// With a number; 0 is what nothing stands for.
    pub fn number(mut self, field: u32, value: u64) -> Self {
        if value != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(value);
        }
        self
    }

    /// With a text, bytes or a message; an empty one as well, where `field` is asked for by its being there.
    pub fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// Its bytes.
    pub fn done(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}

/// A field of a message that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'m> {
    /// A number, or a truth.
    Number(u64),
    /// A text, bytes or a message.
    Bytes(&'m [u8]),
}

impl<'m> Value<'m> {
    /// As a number; 0 where it is none.
    pub fn number(self) -> u64 {
        match self {
            Self::Number(value) => value,
            Self::Bytes(_) => 0,
        }
    }

    /// As bytes; none where it is a number.
    pub fn bytes(self) -> &'m [u8] {
        match self {
            Self::Number(_) => &[],
            Self::Bytes(bytes) => bytes,
        }
    }

    /// As a text.
    pub fn text(self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

/// The fields of a message in their order; ends where it is not understood.
pub(super) fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    std::iter::from_fn(move || {
        let key = varint(&mut message)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut message)?),
            1 => Value::Bytes(take(&mut message, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                Value::Bytes(take(&mut message, length)?)
            }
            5 => Value::Bytes(take(&mut message, 4)?),
            _ => return None,
        };
        Some((key >> 3, value))
    })
}

fn take<'m>(message: &mut &'m [u8], length: usize) -> Option<&'m [u8]> {
    let (taken, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(taken)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let message = Message::default()
            .number(1, 150)
            .bytes(2, b"testing")
            .number(3, 0)
            .number(16, u64::MAX);
        let bytes = message.done();
        assert_eq!(
            bytes[..3],
            [0x08, 0x96, 0x01],
            "as in protobuf's own manual"
        );
        let read: Vec<(u64, Value<'_>)> = fields(&bytes).collect();
        assert_eq!(
            read,
            [
                (1, Value::Number(150)),
                (2, Value::Bytes(b"testing")),
                (16, Value::Number(u64::MAX))
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_that_is_read_can_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(fields(&bytes).count() <= bytes.len());
        }
    }
}
