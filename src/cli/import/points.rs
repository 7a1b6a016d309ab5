//! Line protocol, point after point: where one ends, and what the headers of exports say.

use std::io::{self, BufRead};

/// A string field holds at most 1 MiB; a point that seems longer has a quote too many.
const POINT_BYTES_MAX: usize = 4 << 20;

/// What comes next in a file of line protocol.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A point, in the buffer; its first line.
    Point {
        line: u64,
    },
    /// `# CONTEXT-DATABASE: x` of an export of InfluxDB 1.x.
    Database(String),
    /// `# CONTEXT-RETENTION-POLICY: x`
    Policy(String),
    End,
}

pub struct Points<R> {
    input: R,
    /// Lines that were read and turned out not to belong to the point before.
    pending: std::collections::VecDeque<Vec<u8>>,
    /// Lines given out.
    line: u64,
    /// Statements that make databases, which are not points.
    in_definitions: bool,
}

impl<R: BufRead> Points<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            pending: std::collections::VecDeque::new(),
            line: 0,
            in_definitions: false,
        }
    }

    /// The last line that was given out.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Puts the next point into `point`, without its line break.
    pub fn next(&mut self, point: &mut Vec<u8>) -> io::Result<Item> {
        loop {
            point.clear();
            if !self.read_line(point)? {
                return Ok(Item::End);
            }
            self.line += 1;
            let text = trimmed(point);
            if let Some(comment) = text.strip_prefix(b"#") {
                if let Some(item) = self.comment(comment) {
                    return Ok(item);
                }
                continue;
            }
            if text.is_empty() || self.in_definitions {
                continue;
            }
            let line = self.line;
            if memchr::memchr(b'"', point).is_some() {
                self.rest_of_string(point)?;
            }
            strip_break(point);
            return Ok(Item::Point { line });
        }
    }

    /// Appends whole lines to `body` that are one point each, and says where each begins and its line. `false`
    /// when the next line must be looked at by [`Self::next`]: near are strings, comments, blank lines or
    /// carriage returns, or it does not fit.
    pub fn next_plain(
        &mut self,
        body: &mut Vec<u8>,
        points: &mut Vec<(usize, u64)>,
        (bytes_max, points_max): (usize, usize),
    ) -> io::Result<bool> {
        if self.in_definitions || !self.pending.is_empty() {
            return Ok(false);
        }
        let buffer = self.input.fill_buf()?;
        let buffer = buffer.get(..bytes_max).unwrap_or(buffer);
        let special = memchr::memchr3(b'"', b'#', b'\r', buffer).unwrap_or(buffer.len());
        let plain = buffer.get(..special).unwrap_or_default();
        let mut end = 0;
        for line_break in memchr::memchr_iter(b'\n', plain) {
            let is_blank = plain.get(end).is_none_or(u8::is_ascii_whitespace);
            if is_blank || points.len() >= points_max {
                break;
            }
            self.line += 1;
            points.push((body.len() + end, self.line));
            end = line_break + 1;
        }
        body.extend_from_slice(plain.get(..end).unwrap_or_default());
        self.input.consume(end);
        Ok(end > 0)
    }

    /// Takes only the first line of a point of several for given out; the others come again.
    pub fn keep_first_line(&mut self, point: &mut Vec<u8>) {
        let lines: Vec<Vec<u8>> = point
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let rest: Vec<Vec<u8>> = lines.collect();
        self.line -= rest.len() as u64;
        for mut line in rest.into_iter().rev() {
            if line.last() != Some(&b'\n') {
                line.push(b'\n');
            }
            self.pending.push_front(line);
        }
        *point = first;
        strip_break(point);
    }

    fn read_line(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if let Some(line) = self.pending.pop_front() {
            out.extend_from_slice(&line);
            return Ok(true);
        }
        Ok(self.input.read_until(b'\n', out)? > 0)
    }

    /// Reads on while a string is open at the end.
    fn rest_of_string(&mut self, point: &mut Vec<u8>) -> io::Result<()> {
        while ends_in_string(point) && point.len() < POINT_BYTES_MAX {
            if !self.read_line(point)? {
                break;
            }
            self.line += 1;
        }
        Ok(())
    }

    fn comment(&mut self, comment: &[u8]) -> Option<Item> {
        let text = String::from_utf8_lossy(comment);
        let text = text.trim();
        match text {
            "DDL" => self.in_definitions = true,
            "DML" => self.in_definitions = false,
            _ => {}
        }
        let value = |name: &str| text.strip_prefix(name).map(|value| value.trim().to_owned());
        value("CONTEXT-DATABASE:")
            .map(Item::Database)
            .or_else(|| value("CONTEXT-RETENTION-POLICY:").map(Item::Policy))
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_ascii()
}

fn strip_break(line: &mut Vec<u8>) {
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
}

/// Whether a string field is open at the end. Quotes count only where a value begins.
fn ends_in_string(point: &[u8]) -> bool {
    let mut bytes = point.iter().copied();
    let mut before = 0;
    // The series part knows no quotes; it ends at the first space that is not escaped.
    for byte in bytes.by_ref() {
        if byte == b' ' && before != b'\\' && before != 0 {
            break;
        }
        before = byte;
    }
    let mut before = 0;
    let mut in_string = false;
    let mut is_escaped = false;
    for byte in bytes {
        if in_string {
            if is_escaped {
                is_escaped = false;
            } else if byte == b'\\' {
                is_escaped = true;
            } else if byte == b'"' {
                in_string = false;
                before = b'"';
            }
        } else if byte == b'"' && before == b'=' {
            in_string = true;
        } else {
            // An escaped equals sign begins no value.
            before = if byte == b'=' && before == b'\\' {
                b'x'
            } else {
                byte
            };
        }
    }
    in_string
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(u64, String)> {
        let mut points = Points::new(text.as_bytes());
        let mut found = Vec::new();
        let mut point = Vec::new();
        loop {
            match points.next(&mut point).unwrap() {
                Item::Point { line } => {
                    found.push((line, String::from_utf8(point.clone()).unwrap()));
                }
                Item::End => return found,
                Item::Database(name) => found.push((0, format!("database {name}"))),
                Item::Policy(name) => found.push((0, format!("policy {name}"))),
            }
        }
    }

    #[test]
    fn strings_hold_line_breaks_and_quotes_elsewhere_do_not() {
        let text = "m f=\"a\nb\" 1\r\n\n# x\nm\",t=\" f=1 2\nm f=\"\\\"\n\\\\\" 3";
        let want = [
            (1, "m f=\"a\nb\" 1"),
            (5, "m\",t=\" f=1 2"),
            (6, "m f=\"\\\"\n\\\\\" 3"),
        ];
        assert_eq!(all(text), want.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn plain_lines_are_taken_together() {
        let text = "a f=1\nb f=2\nc f=3\n\nd f=4\ne f=\"x\"\nf f=5";
        let mut points = Points::new(text.as_bytes());
        let (mut body, mut begins, mut point) = (Vec::new(), Vec::new(), Vec::new());
        let mut plain =
            |points: &mut Points<_>, most| points.next_plain(&mut body, &mut begins, most).unwrap();
        assert!(plain(&mut points, (100, 2)));
        assert!(plain(&mut points, (100, 9)));
        assert!(!plain(&mut points, (100, 9)), "a blank line");
        assert_eq!(points.next(&mut point).unwrap(), Item::Point { line: 5 });
        assert!(!plain(&mut points, (100, 9)), "a string");
        assert_eq!(points.next(&mut point).unwrap(), Item::Point { line: 6 });
        assert!(!plain(&mut points, (100, 9)), "no line break at the end");
        assert_eq!(points.next(&mut point).unwrap(), Item::Point { line: 7 });
        assert_eq!(body, b"a f=1\nb f=2\nc f=3\n");
        assert_eq!(begins, [(0, 1), (6, 2), (12, 3)]);
    }

    #[test]
    fn an_open_quote_takes_only_its_own_line() {
        let mut points = Points::new("m f=\"open 1\nm f=2 2\nm f=3 3".as_bytes());
        let mut point = Vec::new();
        assert_eq!(points.next(&mut point).unwrap(), Item::Point { line: 1 });
        assert_eq!(points.line(), 3);
        points.keep_first_line(&mut point);
        assert_eq!(point, b"m f=\"open 1");
        assert_eq!(points.next(&mut point).unwrap(), Item::Point { line: 2 });
        assert_eq!(point, b"m f=2 2");
    }

    #[test]
    fn headers_of_exports_are_understood() {
        let text = "# INFLUXDB EXPORT: 1\n# DDL\nCREATE DATABASE db WITH NAME rp\n# DML\n\
                    # CONTEXT-DATABASE:db\n# CONTEXT-RETENTION-POLICY:rp\n# writing tsm data\nm f=1 1\n";
        let want = [(0, "database db"), (0, "policy rp"), (8, "m f=1 1")];
        assert_eq!(all(text), want.map(|(line, text)| (line, text.to_owned())));
    }
}
