//! Reads annotated CSV, far enough for tests.

use std::collections::BTreeMap;

/// Rows of all tables, each a map from column to text; annotations are left out.
#[derive(Debug, Clone)]
pub struct Rows(pub Vec<BTreeMap<String, String>>);

impl Rows {
    pub fn parse(text: &str) -> Self {
        let mut rows = Vec::new();
        let mut header: Vec<String> = Vec::new();
        let mut header_is_next = true;
        for record in records(text) {
            if record.len() <= 1 || record[0].starts_with('#') {
                header_is_next = true;
            } else if header_is_next {
                header = record;
                header_is_next = false;
            } else {
                rows.push(header.iter().cloned().zip(record).skip(1).collect());
            }
        }
        Self(rows)
    }

    /// One column of every row.
    pub fn column(&self, name: &str) -> Vec<String> {
        let cell = |row: &BTreeMap<String, String>| {
            row.get(name)
                .unwrap_or_else(|| panic!("no column {name} in {row:?}"))
                .clone()
        };
        self.0.iter().map(cell).collect()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        let record = records.last_mut().unwrap();
        let cell = record.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(String::new()),
            '\r' if !quoted => {}
            '\n' if !quoted => records.push(vec![String::new()]),
            c => cell.push(c),
        }
    }
    records
}
