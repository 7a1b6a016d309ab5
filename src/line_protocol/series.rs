//! The part of a line before its fields: measurement and tags.

use super::error::Reason;
use super::escape::{self, unescape};
use crate::model::SeriesKey;
use crate::model::series_key::encode_series_key;
use std::borrow::Cow;

/// Longest measurement, tags and one field key together, as InfluxDB limits them.
pub const KEY_BYTES_MAX: usize = 65_535;

const RESERVED: [&str; 5] = ["_field", "_measurement", "time", "\u{0}", "\u{ff}"];

/// Where the series part that begins at `at` ends: its first unescaped space, a line break, or the end.
pub fn end_of_series(body: &[u8], at: usize) -> usize {
    let rest = body.get(at..).unwrap_or_default();
    let mut from = 0;
    while let Some(found) =
        memchr::memchr2(b' ', b'\n', rest.get(from..).unwrap_or_default()).map(|found| from + found)
    {
        let escaped = found > 0 && rest.get(found - 1) == Some(&b'\\');
        if rest.get(found) == Some(&b'\n') || !escaped {
            return at + found;
        }
        from = found + 1;
    }
    body.len()
}

/// Reads measurement and tags. `raw` has no unescaped space and no line break.
pub fn parse_series(raw: &[u8]) -> Result<SeriesKey, Reason> {
    let mut parts = Split { rest: Some(raw) };
    let measurement = parts.next().unwrap_or_default();
    if measurement.is_empty() {
        return Err(Reason::MissingMeasurement);
    }
    let measurement = text(measurement, escape::MEASUREMENT, "measurement")?;
    let mut tags = Vec::new();
    for tag in parts {
        tags.push(parse_tag(tag)?);
    }
    tags.sort_by(|(a, _), (b, _)| a.cmp(b));
    if tags
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.0 == b.0))
    {
        return Err(Reason::DuplicateTags);
    }
    let mut bytes = Vec::with_capacity(raw.len() + 2);
    let pairs = tags.iter().map(|(key, value)| (&**key, &**value));
    encode_series_key(&measurement, pairs, &mut bytes);
    if bytes.len() > KEY_BYTES_MAX {
        return Err(Reason::KeyTooLong(bytes.len()));
    }
    SeriesKey::from_bytes(&bytes).map_err(|_| Reason::NotUtf8("series"))
}

type Tag<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

fn parse_tag(tag: &[u8]) -> Result<Tag<'_>, Reason> {
    let Some(equals) = find_unescaped(tag, b'=') else {
        return Err(if tag.is_empty() {
            Reason::MissingTagKey
        } else {
            Reason::MissingTagValue
        });
    };
    let (key, value) = tag.split_at(equals);
    let value = value.get(1..).unwrap_or_default();
    if key.is_empty() {
        return Err(Reason::MissingTagKey);
    }
    if value.is_empty() {
        return Err(Reason::MissingTagValue);
    }
    if find_unescaped(value, b'=').is_some() {
        return Err(Reason::InvalidTagFormat);
    }
    let key = text(key, escape::KEY, "tag key")?;
    if let Some(name) = RESERVED.iter().find(|name| name.as_bytes() == &*key) {
        return Err(Reason::ReservedTagKey(name));
    }
    Ok((key, text(value, escape::KEY, "tag value")?))
}

/// Unescaped and checked to be UTF-8.
pub fn text<'a>(
    raw: &'a [u8],
    special: &[u8],
    what: &'static str,
) -> Result<Cow<'a, [u8]>, Reason> {
    match std::str::from_utf8(raw) {
        Ok(_) => Ok(unescape(raw, special)),
        Err(_) => Err(Reason::NotUtf8(what)),
    }
}

/// First `wanted` byte that no backslash precedes.
pub fn find_unescaped(text: &[u8], wanted: u8) -> Option<usize> {
    memchr::memchr_iter(wanted, text)
        .find(|&at| at == 0 || text.get(at - 1).is_some_and(|before| *before != b'\\'))
}

/// Pieces between unescaped commas.
struct Split<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        match find_unescaped(rest, b',') {
            Some(comma) => {
                self.rest = rest.get(comma + 1..);
                rest.get(..comma)
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}
