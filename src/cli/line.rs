//! Writes line protocol.

/// A measurement, escaped.
pub fn push_measurement(text: &str, out: &mut Vec<u8>) {
    push_escaped(text, b", ", out);
}

/// A tag key, tag value or field key, escaped.
pub fn push_key(text: &str, out: &mut Vec<u8>) {
    push_escaped(text, b",= ", out);
}

fn push_escaped(text: &str, special: &[u8], out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if special.contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

/// A string field with its quotes.
pub fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Why a text can't be a measurement or part of a series, if it can't.
pub fn unwritable(text: &str) -> Option<&'static str> {
    if text.contains('\n') {
        return Some("line protocol has no line breaks in measurements, tags and field names");
    }
    if text.ends_with('\\') {
        return Some(
            "line protocol has no backslash at the end of measurements, tags and field names",
        );
    }
    None
}
