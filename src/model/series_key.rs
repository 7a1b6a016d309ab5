//! The canonical series key: measurement and tag set as bytes, equal for equal series.
//!
//! ```text
//! varint(measurement length) measurement  { varint(key length) key varint(value length) value }*
//! ```
//! Tags are sorted by key, keys are unique, nothing is escaped. All parts are UTF-8.

use std::fmt;
use std::sync::Arc;

/// Owned canonical bytes; cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey(Arc<[u8]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeriesKeyError {
    #[error("series key is cut off at byte {0}")]
    CutOff(usize),
    #[error("series key holds invalid UTF-8 at byte {0}")]
    NotUtf8(usize),
}

impl SeriesKey {
    /// `tags` must be sorted by key and unique.
    pub fn new<'a>(measurement: &str, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut bytes = Vec::with_capacity(64);
        encode_series_key(
            measurement.as_bytes(),
            tags.into_iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())),
            &mut bytes,
        );
        Self(bytes.into())
    }

    /// Takes bytes that were made by [`encode_series_key`]; checks them wholly.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SeriesKeyError> {
        parse_series_key(bytes)?;
        Ok(Self(bytes.into()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn measurement(&self) -> &str {
        self.parts().0
    }

    /// Measurement and tags in key order.
    pub fn parts(&self) -> (&str, Vec<(&str, &str)>) {
        // Checked on construction, so the fallback is never seen.
        parse_series_key(&self.0).unwrap_or_default()
    }

    /// A hash of canonical bytes: stable for one process, decides the owning writer.
    pub fn hash64(bytes: &[u8]) -> u64 {
        xxhash_rust::xxh3::xxh3_64(bytes)
    }
}

impl fmt::Debug for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (measurement, tags) = self.parts();
        f.write_str(measurement)?;
        for (key, value) in tags {
            write!(f, ",{key}={value}")?;
        }
        Ok(())
    }
}

/// Appends the canonical bytes. `tags` must be sorted by key and unique.
pub fn encode_series_key<'a>(
    measurement: &[u8],
    tags: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    out: &mut Vec<u8>,
) {
    put_text(measurement, out);
    for (key, value) in tags {
        put_text(key, out);
        put_text(value, out);
    }
}

type Parts<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// Reads canonical bytes.
pub fn parse_series_key(bytes: &[u8]) -> Result<Parts<'_>, SeriesKeyError> {
    let mut at = 0;
    let measurement = take_text(bytes, &mut at)?;
    let mut tags = Vec::new();
    while at < bytes.len() {
        let key = take_text(bytes, &mut at)?;
        let value = take_text(bytes, &mut at)?;
        tags.push((key, value));
    }
    Ok((measurement, tags))
}

fn put_text(text: &[u8], out: &mut Vec<u8>) {
    let mut length = text.len();
    while length >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "masked to seven bits")]
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 0x80")]
    out.push(length as u8);
    out.extend_from_slice(text);
}

fn take_text<'a>(bytes: &'a [u8], at: &mut usize) -> Result<&'a str, SeriesKeyError> {
    let cut = SeriesKeyError::CutOff(*at);
    let mut length = 0_usize;
    for shift in 0..5 {
        let byte = *bytes.get(*at).ok_or(cut)?;
        *at += 1;
        length |= usize::from(byte & 0x7f) << (7 * shift);
        if byte < 0x80 {
            let text = bytes.get(*at..at.saturating_add(length)).ok_or(cut)?;
            let start = *at;
            *at += length;
            return std::str::from_utf8(text).map_err(|_| SeriesKeyError::NotUtf8(start));
        }
    }
    Err(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_as_they_went_in() {
        let long = "v".repeat(300);
        let key = SeriesKey::new("cpu", [("host", "a"), ("region", long.as_str())]);
        assert_eq!(
            key.parts(),
            ("cpu", vec![("host", "a"), ("region", long.as_str())])
        );
        assert_eq!(SeriesKey::from_bytes(key.as_bytes()), Ok(key));
    }

    #[test]
    fn cut_off_bytes_are_refused() {
        let key = SeriesKey::new("cpu", [("host", "a")]);
        for length in 0..key.as_bytes().len() {
            let parsed = SeriesKey::from_bytes(&key.as_bytes()[..length]);
            // The measurement alone is a key, too.
            assert!(parsed.is_err() || length == 4, "{length}");
        }
    }
}
