//! The same grammar written plainly: no caches, no short cuts, one character after the other. It is what
//! the fast parser is held against.

use super::error::{ParseError, Reason};
use super::parse::{ParseOptions, STRING_BYTES_MAX};
use super::series::KEY_BYTES_MAX;
use crate::model::{FieldValue, SeriesKey, TIME_MAX, TIME_MIN};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq)]
pub struct ReferencePoint {
    pub measurement: String,
    pub tags: BTreeMap<String, String>,
    /// In the order of the line; of fields with the same name the last one counts, at the first's place.
    pub fields: Vec<(String, FieldValue)>,
    pub time: i64,
}

/// All points of the body, or its first bad line.
pub fn parse(body: &[u8], options: ParseOptions) -> Result<Vec<ReferencePoint>, ParseError> {
    let mut points = Vec::new();
    let mut rest = body;
    let mut line = 1;
    while !rest.is_empty() {
        let (start, taken) = match next_line(rest) {
            Ok(found) => found,
            Err((start, reason)) => {
                return Err(ParseError::new(
                    line,
                    rest.get(start..).unwrap_or_default(),
                    reason,
                ));
            }
        };
        let whole = rest.get(..taken).unwrap_or_default();
        let text = whole.strip_suffix(b"\n").unwrap_or(whole);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = text.get(start.min(text.len())..).unwrap_or_default();
        if !text.is_empty() && !text.starts_with(b"#") {
            let point = parse_line(text, options).map_err(|reason| {
                ParseError::new(line, rest.get(start..).unwrap_or_default(), reason)
            })?;
            points.push(point);
        }
        line += whole.iter().filter(|byte| **byte == b'\n').count();
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(points)
}

type Found = Result<(usize, usize), (usize, Reason)>;

/// Bytes to skip before the line's text, and the line's length with its end. A line ends at a line break
/// that is not inside a string field.
fn next_line(rest: &[u8]) -> Found {
    let start = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | 0))
        .count();
    let until_break = |from: usize| {
        let found = rest.iter().skip(from).position(|byte| *byte == b'\n');
        found.map_or(rest.len(), |found| from + found + 1)
    };
    if matches!(rest.get(start), None | Some(b'#' | b'\n')) {
        return Ok((start, until_break(start)));
    }
    let mut at = start;
    // The series part knows no quotes.
    loop {
        match rest.get(at) {
            None => return Ok((start, rest.len())),
            Some(b'\n') => return Ok((start, at + 1)),
            Some(b' ') if rest.get(at.wrapping_sub(1)) != Some(&b'\\') => break,
            Some(_) => at += 1,
        }
    }
    let mut before = 0;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\n' => return Ok((start, at + 1)),
            b'"' if before == b'=' => {
                at += 1;
                loop {
                    match rest.get(at) {
                        None => return Ok((start, rest.len())),
                        Some(b'"') => break,
                        Some(b'\\') if matches!(rest.get(at + 1), Some(b'"' | b'\\')) => at += 2,
                        Some(_) => at += 1,
                    }
                }
                before = b'"';
            }
            // An escaped equals sign begins no value.
            b'=' if before == b'\\' => before = b'x',
            other => before = *other,
        }
        at += 1;
    }
    Ok((start, rest.len()))
}

fn parse_line(text: &[u8], options: ParseOptions) -> Result<ReferencePoint, Reason> {
    let series_end = position_unescaped(text, b" ").unwrap_or(text.len());
    let (series, rest) = text.split_at(series_end);
    let (measurement, tags, series_bytes) = parse_series(series)?;
    let rest = trim_start(rest);
    if rest.is_empty() {
        return Err(Reason::MissingFields);
    }
    let mut fields = Vec::new();
    let mut rest = rest;
    loop {
        let (name, value, tail) = parse_field(rest)?;
        fields.push((name, value));
        match tail.first() {
            Some(b',') => rest = tail.get(1..).unwrap_or_default(),
            None | Some(b' ') => {
                rest = tail;
                break;
            }
            // A carriage return before the line break is gone already; any other is no white space.
            Some(b'\r') => {
                rest = tail;
                break;
            }
            Some(_) => return Err(Reason::InvalidFieldFormat),
        }
    }
    let fields = last_of_each(fields, series_bytes)?;
    let time = parse_time(trim_start(rest), options)?;
    Ok(ReferencePoint {
        measurement,
        tags,
        fields,
        time,
    })
}

fn last_of_each(
    fields: Vec<(&[u8], FieldValue)>,
    series_bytes: usize,
) -> Result<Vec<(String, FieldValue)>, Reason> {
    let mut kept: Vec<(String, FieldValue)> = Vec::new();
    for (raw, value) in fields {
        let name = unescape(utf8(raw, "field key")?, &[',', '=', ' ']);
        if name == "time" {
            return Err(Reason::ReservedFieldKey);
        }
        if series_bytes + name.len() > KEY_BYTES_MAX {
            return Err(Reason::KeyTooLong(series_bytes + name.len()));
        }
        match kept.iter_mut().find(|(have, _)| *have == name) {
            Some(slot) => slot.1 = value,
            None => kept.push((name, value)),
        }
    }
    Ok(kept)
}

type Series = (String, BTreeMap<String, String>, usize);

fn parse_series(text: &[u8]) -> Result<Series, Reason> {
    let mut pieces = split_unescaped(text, b',').into_iter();
    let measurement = pieces.next().unwrap_or_default();
    if measurement.is_empty() {
        return Err(Reason::MissingMeasurement);
    }
    let measurement = unescape(utf8(measurement, "measurement")?, &[',', ' ']);
    let mut tags = BTreeMap::new();
    let mut duplicate = false;
    for piece in pieces {
        let Some(equals) = position_unescaped(piece, b"=") else {
            let empty = piece.is_empty();
            return Err(if empty {
                Reason::MissingTagKey
            } else {
                Reason::MissingTagValue
            });
        };
        let (key, value) = (&piece.get(..equals), &piece.get(equals + 1..));
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        if key.is_empty() {
            return Err(Reason::MissingTagKey);
        }
        if value.is_empty() {
            return Err(Reason::MissingTagValue);
        }
        if position_unescaped(value, b"=").is_some() {
            return Err(Reason::InvalidTagFormat);
        }
        let key = unescape(utf8(key, "tag key")?, &[',', '=', ' ']);
        for reserved in ["_field", "_measurement", "time", "\u{0}", "\u{ff}"] {
            if key == reserved {
                return Err(Reason::ReservedTagKey(reserved));
            }
        }
        let value = unescape(utf8(value, "tag value")?, &[',', '=', ' ']);
        duplicate |= tags.insert(key, value).is_some();
    }
    if duplicate {
        return Err(Reason::DuplicateTags);
    }
    let key = SeriesKey::new(
        &measurement,
        tags.iter().map(|(k, v)| (k.as_str(), v.as_str())),
    );
    let bytes = key.as_bytes().len();
    if bytes > KEY_BYTES_MAX {
        return Err(Reason::KeyTooLong(bytes));
    }
    Ok((measurement, tags, bytes))
}

/// Raw name, value, and what follows.
fn parse_field(text: &[u8]) -> Result<(&[u8], FieldValue, &[u8]), Reason> {
    let end = position_unescaped(text, b"=, ");
    let Some(equals) = end.filter(|&at| text.get(at) == Some(&b'=')) else {
        let missing = matches!(text.first(), None | Some(b',' | b' ' | b'\r'));
        return Err(if missing {
            Reason::MissingFieldKey
        } else {
            Reason::MissingFieldValue
        });
    };
    if equals == 0 {
        return Err(Reason::MissingFieldKey);
    }
    let name = text.get(..equals).unwrap_or_default();
    let rest = text.get(equals + 1..).unwrap_or_default();
    let (value, tail) = if rest.first() == Some(&b'"') {
        parse_string(rest)?
    } else {
        let end = rest
            .iter()
            .position(|b| matches!(b, b',' | b' ' | b'\r' | b'\n'));
        let (token, tail) = rest.split_at(end.unwrap_or(rest.len()));
        (parse_plain(token)?, tail)
    };
    Ok((name, value, tail))
}

fn parse_string(text: &[u8]) -> Result<(FieldValue, &[u8]), Reason> {
    let mut at = 1;
    loop {
        match text.get(at) {
            None => return Err(Reason::UnbalancedQuotes),
            Some(b'"') => break,
            Some(b'\\') if matches!(text.get(at + 1), Some(b'"' | b'\\')) => at += 2,
            Some(_) => at += 1,
        }
    }
    let inner = utf8(text.get(1..at).unwrap_or_default(), "string field")?;
    let value = unescape(inner, &['"', '\\']);
    if value.len() > STRING_BYTES_MAX {
        return Err(Reason::StringTooLong(value.len()));
    }
    let tail = text.get(at + 1..).unwrap_or_default();
    if !matches!(tail.first(), None | Some(b',' | b' ' | b'\n' | b'\r')) {
        return Err(Reason::InvalidFieldFormat);
    }
    Ok((FieldValue::String(value.into()), tail))
}

fn parse_plain(token: &[u8]) -> Result<FieldValue, Reason> {
    match token.first() {
        None => return Err(Reason::MissingFieldValue),
        Some(b'0'..=b'9' | b'-' | b'.' | b'N' | b'n') => {}
        Some(_) => {
            return match token {
                b"t" | b"T" | b"true" | b"True" | b"TRUE" => Ok(FieldValue::Boolean(true)),
                b"f" | b"F" | b"false" | b"False" | b"FALSE" => Ok(FieldValue::Boolean(false)),
                _ => Err(Reason::InvalidBoolean),
            };
        }
    }
    let text = std::str::from_utf8(token).map_err(|_| Reason::InvalidNumber)?;
    let whole = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let capped = |digits: &str| digits.chars().take(64).collect::<String>();
    if let Some(digits) = text.strip_suffix('i') {
        if !whole(digits.strip_prefix('-').unwrap_or(digits)) {
            return Err(Reason::InvalidNumber);
        }
        let value = digits
            .parse()
            .map_err(|_| Reason::IntegerOutOfRange(capped(digits)))?;
        return Ok(FieldValue::Integer(value));
    }
    if let Some(digits) = text.strip_suffix('u') {
        if !whole(digits) {
            return Err(Reason::InvalidNumber);
        }
        let value = digits
            .parse()
            .map_err(|_| Reason::UnsignedOutOfRange(capped(digits)))?;
        return Ok(FieldValue::Unsigned(value));
    }
    let mantissa = text
        .strip_prefix('-')
        .unwrap_or(text)
        .split(['e', 'E'])
        .next();
    let mantissa = mantissa.unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || mantissa.bytes().any(|b| b != b'.' && !b.is_ascii_digit()) {
        return Err(Reason::InvalidNumber);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(FieldValue::Float(value)),
        _ => Err(Reason::InvalidFloat),
    }
}

fn parse_time(text: &[u8], options: ParseOptions) -> Result<i64, Reason> {
    let unit = options.precision.unit_ns();
    if text.is_empty() {
        return Ok(options.default_time_ns - options.default_time_ns.rem_euclid(unit));
    }
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    let (number, tail) = text.split_at(end.unwrap_or(text.len()));
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Reason::BadTimestamp);
    }
    let number = std::str::from_utf8(number).map_err(|_| Reason::BadTimestamp)?;
    let time: i64 = number.parse().map_err(|_| Reason::TimeOutOfRange)?;
    let time = time.checked_mul(unit).ok_or(Reason::TimeOutOfRange)?;
    if !(TIME_MIN..=TIME_MAX).contains(&time) {
        return Err(Reason::TimeOutOfRange);
    }
    if trim_start(tail).is_empty() {
        Ok(time)
    } else {
        Err(Reason::BadTimestamp)
    }
}

fn trim_start(text: &[u8]) -> &[u8] {
    let skipped = text
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | 0))
        .count();
    text.get(skipped..).unwrap_or_default()
}

fn utf8<'a>(text: &'a [u8], what: &'static str) -> Result<&'a str, Reason> {
    std::str::from_utf8(text).map_err(|_| Reason::NotUtf8(what))
}

/// First of the wanted bytes that no backslash precedes.
fn position_unescaped(text: &[u8], wanted: &[u8]) -> Option<usize> {
    (0..text.len()).find(|&at| {
        let escaped = at > 0 && text.get(at - 1) == Some(&b'\\');
        !escaped && text.get(at).is_some_and(|byte| wanted.contains(byte))
    })
}

fn split_unescaped(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = position_unescaped(rest, &[separator]) {
        pieces.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
    }
    pieces.push(rest);
    pieces
}

fn unescape(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match chars.peek() {
            Some(next) if char == '\\' && special.contains(next) => {
                out.push(*next);
                chars.next();
            }
            _ => out.push(char),
        }
    }
    out
}
