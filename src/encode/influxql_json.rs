//! InfluxQL answers as JSON, byte for byte as InfluxDB writes them: `{"results":[…]}` and a newline.
//!
//! Not chunked, everything is one object. Chunked, each object holds at most so many rows of one series;
//! `partial` on a series says that it goes on, on a result that the statement goes on.

use crate::query::context::{QueryContext, QueryError};
use crate::query::influxql::{AnswerWriter, EpochUnit, SeriesHead, Value};
use chrono::{DateTime, SecondsFormat, TimeZone};
use std::io::Write;

/// Bytes collected before they go out.
const BUFFER_BYTES: usize = 64 * 1024;

pub struct JsonWriter<'a> {
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
    epoch: Option<EpochUnit>,
    zone: Option<chrono_tz::Tz>,
    /// Rows a chunk.
    chunk: Option<usize>,
    /// Of a prettified answer, which is held as a whole.
    account: Option<&'a QueryContext>,
    accounted: usize,
    statement: usize,
    head: Option<SeriesHead>,
    /// The head of the current series is not written yet.
    head_pending: bool,
    /// Rows of the current series in this object.
    rows: usize,
    /// Series in the current result.
    series: usize,
    results: usize,
    /// Rows of the current series are left out.
    partial: bool,
}

impl<'a> JsonWriter<'a> {
    /// Indented; the memory that this needs is booked with the query.
    pub fn pretty(
        out: &'a mut dyn Write,
        epoch: Option<EpochUnit>,
        chunk: Option<usize>,
        ctx: &'a QueryContext,
    ) -> Self {
        Self {
            account: Some(ctx),
            ..Self::new(out, epoch, chunk)
        }
    }

    pub fn new(out: &'a mut dyn Write, epoch: Option<EpochUnit>, chunk: Option<usize>) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            epoch,
            zone: None,
            chunk,
            account: None,
            accounted: 0,
            partial: false,
            statement: 0,
            head: None,
            head_pending: false,
            rows: 0,
            series: 0,
            results: 0,
        }
    }

    fn flush(&mut self) -> Result<(), QueryError> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Opens the result object of the current statement.
    fn open_result(&mut self) {
        if self.chunk.is_some() || self.results == 0 {
            self.buffer.extend_from_slice(b"{\"results\":[");
        } else {
            self.buffer.push(b',');
        }
        self.results += 1;
        self.series = 0;
        self.buffer.extend_from_slice(b"{\"statement_id\":");
        self.buffer
            .extend_from_slice(itoa::Buffer::new().format(self.statement).as_bytes());
    }

    fn close_result(&mut self, partial: bool, error: Option<&str>) -> Result<(), QueryError> {
        if self.series > 0 {
            self.buffer.push(b']');
        }
        if partial {
            self.buffer.extend_from_slice(b",\"partial\":true");
        }
        if let Some(error) = error {
            self.buffer.extend_from_slice(b",\"error\":");
            push_string(error, &mut self.buffer);
        }
        self.buffer.push(b'}');
        if self.chunk.is_some() {
            self.end_line()?;
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), QueryError> {
        self.buffer.extend_from_slice(b"]}\n");
        if let Some(ctx) = self.account {
            self.buffer = indent(&self.buffer);
            ctx.give_memory(std::mem::take(&mut self.accounted));
        }
        self.flush()
    }

    fn open_series(&mut self) {
        let Some(head) = &self.head else { return };
        let out = &mut self.buffer;
        out.extend_from_slice(if self.series == 0 {
            b",\"series\":[{"
        } else {
            b",{"
        });
        if !head.name.is_empty() {
            out.extend_from_slice(b"\"name\":");
            push_string(&head.name, out);
            out.push(b',');
        }
        if !head.tags.is_empty() {
            out.extend_from_slice(b"\"tags\":{");
            for (at, (key, value)) in head.tags.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                push_string(key, out);
                out.push(b':');
                push_string(value, out);
            }
            out.extend_from_slice(b"},");
        }
        out.extend_from_slice(b"\"columns\":[");
        for (at, column) in head.columns.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            push_string(column, out);
        }
        out.push(b']');
        self.series += 1;
        self.rows = 0;
        self.head_pending = false;
    }

    fn close_series(&mut self, partial: bool) {
        if self.rows > 0 {
            self.buffer.push(b']');
        }
        if partial {
            self.buffer.extend_from_slice(b",\"partial\":true");
        }
        self.buffer.push(b'}');
        self.rows = 0;
    }

    /// Ends the current object because the statement goes on, and opens the next.
    fn next_chunk(&mut self, same_series: bool) -> Result<(), QueryError> {
        self.close_series(same_series);
        self.close_result(true, None)?;
        self.open_result();
        Ok(())
    }

    fn push_value(&mut self, value: &Value) {
        let out = &mut self.buffer;
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Float(value) => push_float(*value, out),
            Value::Integer(value) => {
                out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
            }
            Value::Unsigned(value) => {
                out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
            }
            Value::Boolean(true) => out.extend_from_slice(b"true"),
            Value::Boolean(false) => out.extend_from_slice(b"false"),
            Value::String(text) => push_string(text, out),
            Value::Time(ns) => match self.epoch {
                Some(unit) => {
                    let time = ns / unit.unit_ns();
                    out.extend_from_slice(itoa::Buffer::new().format(time).as_bytes());
                }
                None => {
                    out.push(b'"');
                    out.extend_from_slice(rfc3339_in(*ns, self.zone).as_bytes());
                    out.push(b'"');
                }
            },
        }
    }
}

impl AnswerWriter for JsonWriter<'_> {
    fn begin_statement(
        &mut self,
        id: usize,
        zone: Option<chrono_tz::Tz>,
    ) -> Result<(), QueryError> {
        self.statement = id;
        self.zone = zone;
        self.head = None;
        self.head_pending = false;
        self.open_result();
        Ok(())
    }

    fn series(&mut self, head: SeriesHead) -> Result<(), QueryError> {
        if self.head.is_some() {
            if self.head_pending {
                self.open_series();
            }
            if self.chunk.is_some() {
                self.next_chunk(false)?;
            } else {
                self.close_series(false);
            }
        }
        self.head = Some(head);
        self.head_pending = true;
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), QueryError> {
        if self.chunk.is_some_and(|most| self.rows >= most) && !self.head_pending {
            self.next_chunk(true)?;
            self.head_pending = true;
        }
        if self.head_pending {
            self.open_series();
        }
        self.buffer.extend_from_slice(if self.rows == 0 {
            b",\"values\":[["
        } else {
            b",["
        });
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                self.buffer.push(b',');
            }
            self.push_value(value);
        }
        self.buffer.push(b']');
        self.rows += 1;
        match self.account {
            None if self.buffer.len() > BUFFER_BYTES => self.flush(),
            // A prettified object is indented as a whole.
            Some(ctx) if self.buffer.len() > self.accounted + BUFFER_BYTES => {
                let more = self.buffer.len() - self.accounted;
                ctx.take_memory(more)?;
                self.accounted += more;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end_statement(&mut self, error: Option<&str>) -> Result<(), QueryError> {
        if self.head.is_some() {
            if self.head_pending {
                self.open_series();
            }
            let partial = std::mem::take(&mut self.partial);
            self.close_series(partial);
            self.head = None;
        }
        self.close_result(false, error)
    }

    fn mark_partial(&mut self) {
        self.partial = true;
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        if self.chunk.is_none() {
            if self.results == 0 {
                self.buffer.extend_from_slice(b"{\"results\":[");
            }
            self.end_line()?;
        }
        self.flush()?;
        Ok(self.out.flush()?)
    }
}

/// A number as Go's `encoding/json` prints it.
pub fn push_float(value: f64, out: &mut Vec<u8>) {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if !value.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    if value.trunc() == value
        && value.abs() < EXACT_MAX
        && (value != 0.0 || value.is_sign_positive())
    {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
        return;
    }
    let size = value.abs();
    if value != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        out.extend_from_slice(digits.as_bytes());
        out.push(b'e');
        if !exponent.starts_with('-') {
            out.push(b'+');
        }
        out.extend_from_slice(exponent.as_bytes());
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value);
    if text.contains('e') {
        out.extend_from_slice(format!("{value}").as_bytes());
    } else {
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    }
}

/// A string as Go's `encoding/json` quotes it, HTML's special characters escaped.
pub fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// UTC, with as many digits after the second as needed.
pub fn rfc3339(ns: i64) -> String {
    rfc3339_in(ns, None)
}

fn rfc3339_in(ns: i64, zone: Option<chrono_tz::Tz>) -> String {
    let utc = DateTime::from_timestamp_nanos(ns);
    let fraction = ns.rem_euclid(1_000_000_000);
    let (text, offset) = match zone {
        None => (utc.to_rfc3339_opts(SecondsFormat::Secs, true), "Z".len()),
        Some(zone) => {
            let local = zone.from_utc_datetime(&utc.naive_utc());
            let text = local.to_rfc3339_opts(SecondsFormat::Secs, true);
            let offset = if text.ends_with('Z') {
                1
            } else {
                "+00:00".len()
            };
            (text, offset)
        }
    };
    if fraction == 0 {
        return text;
    }
    let (seconds, offset) = text.split_at(text.len() - offset);
    let digits = format!("{fraction:09}");
    format!("{seconds}.{}{offset}", digits.trim_end_matches('0'))
}

/// Compact JSON, spread over lines with four spaces a level.
fn indent(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.extend(std::iter::repeat_n(b' ', depth * 4));
    };
    for byte in compact {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            out.push(*byte);
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(*byte);
                depth += 1;
                line(&mut out, depth);
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(*byte);
            }
            b',' => {
                out.push(*byte);
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            b'"' => {
                quoted = true;
                out.push(*byte);
            }
            byte => out.push(*byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn float(value: f64) -> String {
        let mut out = Vec::new();
        push_float(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_look_as_in_go() {
        for (value, text) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1_234_567_890_123_456_800.0, "1234567890123456800"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn strings_are_safe_in_html() {
        let mut out = Vec::new();
        push_string("a<b>&\"\\\n\u{1}\u{2028}é", &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r#""a\u003cb\u003e\u0026\"\\\n\u0001\u2028é""#);
    }

    #[test]
    fn times_have_the_digits_they_need() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_500_000_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
        let berlin = Some(chrono_tz::Europe::Berlin);
        assert_eq!(rfc3339_in(1, berlin), "1970-01-01T01:00:00.000000001+01:00");
    }

    fn head(name: &str) -> SeriesHead {
        let columns = Arc::new(vec!["time".to_owned(), "v".to_owned()]);
        SeriesHead {
            name: name.to_owned(),
            tags: vec![("t".into(), "x".into())],
            columns,
        }
    }

    fn written(chunk: Option<usize>) -> String {
        let mut out = Vec::new();
        let mut writer = JsonWriter::new(&mut out, Some(EpochUnit::Seconds), chunk);
        writer.begin_statement(0, None).unwrap();
        for name in ["a", "b"] {
            writer.series(head(name)).unwrap();
            for time in 0..3 {
                let row = [Value::Time(time * 1_000_000_000), Value::Integer(time)];
                writer.row(&row).unwrap();
            }
        }
        writer.end_statement(None).unwrap();
        writer.begin_statement(1, None).unwrap();
        writer.end_statement(Some("bad")).unwrap();
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_answer_is_one_object() {
        let series = |name| {
            format!(
                r#"{{"name":"{name}","tags":{{"t":"x"}},"columns":["time","v"],"values":[[0,0],[1,1],[2,2]]}}"#
            )
        };
        let expected = format!(
            "{{\"results\":[{{\"statement_id\":0,\"series\":[{},{}]}},{{\"statement_id\":1,\"error\":\"bad\"}}]}}\n",
            series("a"),
            series("b")
        );
        assert_eq!(written(None), expected);
    }

    #[test]
    fn series_without_rows_show_their_columns() {
        let mut out = Vec::new();
        let mut writer = JsonWriter::new(&mut out, None, None);
        writer.begin_statement(0, None).unwrap();
        for name in ["a", "b"] {
            writer.series(head(name)).unwrap();
        }
        writer.end_statement(None).unwrap();
        writer.finish().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(answer["results"][0]["series"][1]["name"], "b");
    }

    #[test]
    fn chunks_say_that_more_follows() {
        let text = written(Some(2));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines[0].ends_with(r#""values":[[0,0],[1,1]],"partial":true}],"partial":true}]}"#));
        assert!(lines[1].ends_with(r#""values":[[2,2]]}],"partial":true}]}"#));
        assert!(lines[3].ends_with(r#""values":[[2,2]]}]}]}"#));
        assert_eq!(
            lines[4],
            r#"{"results":[{"statement_id":1,"error":"bad"}]}"#
        );
    }

    #[test]
    fn indented_json_is_the_same_json() {
        let compact = br#"{"a":[1,"x\",y{"],"b":{}}"#;
        let spread: serde_json::Value = serde_json::from_slice(&indent(compact)).unwrap();
        assert_eq!(
            spread,
            serde_json::from_slice::<serde_json::Value>(compact).unwrap()
        );
    }
}
