//! Escapes: a backslash takes the meaning of the special byte after it, and is itself otherwise.

use std::borrow::Cow;

/// In measurements: `\,` and `\ `.
pub const MEASUREMENT: &[u8] = b", ";
/// In tag keys, tag values and field keys: `\,`, `\=` and `\ `.
pub const KEY: &[u8] = b",= ";
/// In string fields: `\"` and `\\`.
pub const STRING: &[u8] = b"\"\\";

/// The text without its escapes.
pub fn unescape<'a>(text: &'a [u8], special: &[u8]) -> Cow<'a, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match bytes.peek() {
            Some(next) if byte == b'\\' && special.contains(next) => {
                out.push(*next);
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
    Cow::Owned(out)
}
