//! Reading and writing whole bytes: varints and a reader that knows where it is.
//!
//! Every read is checked against the bytes that are there; nothing here allocates.

use super::CodecError;

/// Reads a column from its beginning and reports positions from there.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub const fn position(&self) -> usize {
        self.at
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    pub fn byte(&mut self) -> Result<u8, CodecError> {
        let byte = self.bytes.get(self.at).copied();
        let byte = byte.ok_or(CodecError::CutOff {
            at: self.at,
            missing: 1,
        })?;
        self.at += 1;
        Ok(byte)
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let end = self.at.saturating_add(length);
        let taken = self.bytes.get(self.at..end).ok_or(CodecError::CutOff {
            at: self.at,
            missing: length.saturating_sub(self.remaining()),
        })?;
        self.at = end;
        Ok(taken)
    }

    /// Everything that is left, without reading it.
    pub fn unread(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Passes over bytes that were looked at already, at most all that are left.
    pub fn skip(&mut self, length: usize) {
        self.at = self.at.saturating_add(length).min(self.bytes.len());
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    pub fn u64_le(&mut self) -> Result<u64, CodecError> {
        let mut raw = [0; 8];
        raw.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(raw))
    }

    pub fn varint(&mut self) -> Result<u64, CodecError> {
        let start = self.at;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(CodecError::Invalid {
                    at: start,
                    what: "varint above 64 bits",
                });
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::Invalid {
            at: start,
            what: "varint longer than ten bytes",
        })
    }

    /// A varint that counts or measures something and may be `max` at most.
    pub fn length(&mut self, max: usize, what: &'static str) -> Result<usize, CodecError> {
        let at = self.at;
        let value = self.varint()?;
        match usize::try_from(value) {
            Ok(length) if length <= max => Ok(length),
            _ => Err(CodecError::TooLarge {
                at,
                what,
                value,
                max: max as u64,
            }),
        }
    }

    pub fn signed(&mut self) -> Result<i64, CodecError> {
        self.varint().map(unzigzag)
    }

    /// An error unless everything was read.
    pub fn finish(&self) -> Result<(), CodecError> {
        match self.remaining() {
            0 => Ok(()),
            extra => Err(CodecError::Trailing { at: self.at, extra }),
        }
    }
}

/// Small numbers of either sign become small numbers: 0, -1, 1, -2 are 0, 1, 2, 3.
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Seven bits a byte, low ones first, the top bit says that more follow.
pub fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 0x80")]
    out.push(value as u8);
}

pub fn put_signed(value: i64, out: &mut Vec<u8>) {
    put_varint(zigzag(value), out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_come_back(value: u64, signed: i64) {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            put_signed(signed, &mut out);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(value));
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }

    #[test]
    fn extremes_come_back_and_overlong_varints_are_refused() {
        for value in [0, 1, 127, 128, u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            assert_eq!(Reader::new(&out).varint(), Ok(value));
            assert_eq!(zigzag(unzigzag(value)), value);
        }
        let overlong = [0xff; 9].into_iter().chain([2]).collect::<Vec<u8>>();
        assert!(matches!(
            Reader::new(&overlong).varint(),
            Err(CodecError::Invalid { at: 0, .. })
        ));
        assert_eq!(
            Reader::new(&[0x80]).varint(),
            Err(CodecError::CutOff { at: 1, missing: 1 })
        );
    }
}
