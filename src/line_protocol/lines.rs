//! Points as line protocol: what queries write, and what people are shown of rejected points.

use std::fmt::Write;

/// Lines are written in pieces of about this size: well below any body, large enough to be packed well.
pub const PIECE_BYTES: usize = 256 << 10;

/// A value of a field.
#[derive(Debug, Clone, Copy)]
pub enum Field<'a> {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    Text(&'a str),
}

pub fn push_tag(key: &mut String, name: &str, value: &str) {
    key.push(',');
    key.push_str(name);
    key.push('=');
    key.push_str(&escaped_key(value));
}

/// `name` escaped. NaN and infinities can't be stored and are left out.
pub fn push_field(fields: &mut String, name: &str, value: Field<'_>) {
    let comma = if fields.is_empty() { "" } else { "," };
    let _ = match value {
        Field::Float(value) if value.is_finite() => write!(fields, "{comma}{name}={value:?}"),
        Field::Float(_) => Ok(()),
        Field::Integer(value) => write!(fields, "{comma}{name}={value}i"),
        Field::Unsigned(value) => write!(fields, "{comma}{name}={value}u"),
        Field::Boolean(value) => write!(fields, "{comma}{name}={value}"),
        Field::Text(text) => {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            write!(fields, "{comma}{name}=\"{text}\"")
        }
    };
}

pub fn escaped_key(text: &str) -> String {
    escaped(text, &[',', ' ', '='])
}

/// As line protocol escapes names.
pub fn escaped(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Names and tag values with a line end, or a backslash at their end, have no form in line protocol.
pub fn has_form(text: &str) -> bool {
    !text.contains('\n') && !text.ends_with('\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_with_their_types() {
        let mut fields = String::new();
        for (name, value) in [
            ("f", Field::Float(1.0)),
            ("i", Field::Integer(-2)),
            ("u", Field::Unsigned(3)),
            ("b", Field::Boolean(true)),
            ("n", Field::Float(f64::NAN)),
            ("s", Field::Text("a\"b\\c")),
        ] {
            push_field(&mut fields, name, value);
        }
        assert_eq!(fields, r#"f=1.0,i=-2i,u=3u,b=true,s="a\"b\\c""#);
    }

    #[test]
    fn special_characters_of_keys_are_escaped() {
        assert_eq!(escaped_key("a b,c=d"), "a\\ b\\,c\\=d");
        assert!(has_form("a\\b") && !has_form("a\\") && !has_form("a\nb"));
    }
}
