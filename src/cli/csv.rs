//! Records of CSV, one after the other, with the lines that they begin on.

use std::io::{self, BufRead};

/// Longest record, bytes; beyond that a quote is missing somewhere.
const RECORD_BYTES_MAX: usize = 16 << 20;

pub struct Records<R> {
    input: R,
    line: u64,
    raw: Vec<u8>,
}

impl<R: BufRead> Records<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            raw: Vec::new(),
        }
    }

    /// Lines read so far.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The text of the last record, without its line break.
    pub fn raw(&self) -> &[u8] {
        let raw = self.raw.strip_suffix(b"\n").unwrap_or(&self.raw);
        raw.strip_suffix(b"\r").unwrap_or(raw)
    }

    /// The cells of the next record; `false` at the end. An empty line has one empty cell.
    pub fn next(&mut self, cells: &mut Vec<String>) -> io::Result<bool> {
        self.raw.clear();
        loop {
            let read = self.input.read_until(b'\n', &mut self.raw)?;
            if read == 0 {
                break;
            }
            self.line += 1;
            if self.raw.len() > RECORD_BYTES_MAX {
                let line = self.line;
                return Err(io::Error::other(format!(
                    "line {line}: a record of more than {RECORD_BYTES_MAX} bytes; is a quote missing?"
                )));
            }
            // Quotes come in pairs: an odd number means that the line break is inside a cell.
            if memchr::memchr_iter(b'"', &self.raw)
                .count()
                .is_multiple_of(2)
            {
                break;
            }
        }
        if self.raw.is_empty() {
            return Ok(false);
        }
        split(self.raw(), cells);
        Ok(true)
    }
}

fn split(raw: &[u8], cells: &mut Vec<String>) {
    cells.clear();
    let mut cell = Vec::new();
    let mut quoted = false;
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quoted && bytes.peek() == Some(&b'"') => {
                cell.push(b'"');
                bytes.next();
            }
            b'"' if quoted || cell.is_empty() => quoted = !quoted,
            b',' if !quoted => cells.push(text(&mut cell)),
            byte => cell.push(byte),
        }
    }
    cells.push(text(&mut cell));
}

fn text(cell: &mut Vec<u8>) -> String {
    let bytes = std::mem::take(cell);
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_cells_hold_commas_quotes_and_line_breaks() {
        let text = "a,\"b,\"\"c\"\"\",d\r\n\n\"x\ny\",z";
        let mut records = Records::new(text.as_bytes());
        let mut cells = Vec::new();
        assert!(records.next(&mut cells).unwrap());
        assert_eq!(cells, ["a", "b,\"c\"", "d"]);
        assert!(records.next(&mut cells).unwrap());
        assert_eq!(cells, [""]);
        assert!(records.next(&mut cells).unwrap());
        assert_eq!(cells, ["x\ny", "z"]);
        assert_eq!(records.line(), 4);
        assert!(!records.next(&mut cells).unwrap());
    }
}
