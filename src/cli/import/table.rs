//! CSV to line protocol: annotated CSV as queries answer it, and the extended annotations.
//!
//! Annotations stand before a header: `#datatype`, `#group`, `#default`, `#constant`. Those that begin with
//! the annotation as a cell of its own have an empty first column in their rows; those that begin with
//! `#datatype long,...` don't.

use crate::cli::line::{push_key, push_measurement, push_string, unwritable};
use influxd::config::quantity::parse_duration;
use influxd::model::Precision;
use influxd::query::text::parse_rfc3339;

/// What a column is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    Ignored,
    Measurement,
    Tag,
    /// Its type, or none to tell it from the value.
    Field(Option<Kind>),
    /// The name of the field that `Value` has.
    FieldName,
    Value(Option<Kind>),
    Time(TimeForm),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Long,
    Unsigned,
    Double,
    Boolean,
    Text,
    Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeForm {
    Rfc3339,
    Number,
    Either,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    role: Role,
    default: String,
}

#[derive(Debug, Default)]
pub struct Converter {
    unit_ns: i64,
    types: Vec<String>,
    groups: Vec<bool>,
    defaults: Vec<String>,
    constants: Vec<Column>,
    columns: Vec<Column>,
    /// Cells of a header are next.
    header_is_next: bool,
    /// Annotations since the last header.
    annotated: bool,
}

impl Converter {
    pub fn new(precision: Precision) -> Self {
        Self {
            unit_ns: precision.unit_ns(),
            header_is_next: true,
            ..Self::default()
        }
    }

    /// Appends the record's point to `out`; `false` when it has none. Times are nanoseconds then.
    pub fn convert(&mut self, cells: &[String], out: &mut Vec<u8>) -> Result<bool, String> {
        let first = cells.first().map(String::as_str).unwrap_or_default();
        if cells.len() == 1 && first.is_empty() {
            self.header_is_next = true;
            return Ok(false);
        }
        if first.starts_with('#') {
            self.annotation(first, cells)?;
            return Ok(false);
        }
        if self.header_is_next {
            self.header_is_next = false;
            self.annotated = false;
            self.header(cells)?;
            return Ok(false);
        }
        let start = out.len();
        let converted = self.row(cells, out);
        if converted.is_err() {
            out.truncate(start);
        }
        converted.map(|()| true)
    }

    fn annotation(&mut self, first: &str, cells: &[String]) -> Result<(), String> {
        if !self.annotated {
            self.types.clear();
            self.groups.clear();
            self.defaults.clear();
            self.constants.clear();
            self.annotated = true;
            self.header_is_next = true;
        }
        let (name, own) = match first.split_once(' ') {
            Some((name, own)) => (name, Some(own.to_owned())),
            None => (first, None),
        };
        let rest = cells.get(1..).unwrap_or_default().iter().cloned();
        // Without a value of its own the annotation stands in a column of its own.
        let values: Vec<String> = match own {
            Some(own) => std::iter::once(own).chain(rest).collect(),
            None if name == "#constant" => rest.collect(),
            None => std::iter::once(String::new()).chain(rest).collect(),
        };
        match name {
            "#datatype" => self.types = values,
            "#group" => self.groups = values.iter().map(|value| value == "true").collect(),
            "#default" => self.defaults = values,
            "#constant" => self.constants.push(constant(&values)?),
            "#timezone" | "#concat" => {
                return Err(format!("the annotation {name} is not supported"));
            }
            // A comment.
            _ => {}
        }
        Ok(())
    }

    fn header(&mut self, cells: &[String]) -> Result<(), String> {
        let names: Vec<&str> = cells
            .iter()
            .map(|cell| cell.split('|').next().unwrap_or_default())
            .collect();
        let is_result = names.contains(&"_field") && names.contains(&"_value");
        let mut columns = Vec::new();
        for (at, cell) in cells.iter().enumerate() {
            let mut parts = cell.splitn(3, '|');
            let name = parts.next().unwrap_or_default();
            let annotated = self.types.get(at).map(String::as_str).unwrap_or_default();
            let kind = parts.next().unwrap_or(annotated);
            let default = match parts.next() {
                Some(default) => default.to_owned(),
                None => self.defaults.get(at).cloned().unwrap_or_default(),
            };
            let is_grouped = self.groups.get(at).copied().unwrap_or(false);
            let role = role(name, kind, is_result, is_grouped)?;
            columns.push(Column {
                name: name.to_owned(),
                role,
                default,
            });
        }
        self.columns = columns;
        Ok(())
    }

    fn row(&self, cells: &[String], out: &mut Vec<u8>) -> Result<(), String> {
        let empty = String::new();
        let given = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| (column, cells.get(at).unwrap_or(&empty)));
        let constants = self.constants.iter().map(|column| (column, &empty));
        let all: Vec<(&Column, &str)> = constants
            .chain(given)
            .map(|(column, cell)| match cell.is_empty() {
                true => (column, column.default.as_str()),
                false => (column, cell.as_str()),
            })
            .collect();
        let last = |wanted: &Role| {
            let mut found = all.iter().rev();
            found
                .find(|(column, cell)| column.role == *wanted && !cell.is_empty())
                .map(|(_, cell)| *cell)
        };
        let measurement = last(&Role::Measurement).ok_or("the row has no measurement")?;
        check(measurement)?;
        push_measurement(measurement, out);
        let mut tags: Vec<(&str, &str)> = all
            .iter()
            .filter(|(column, cell)| column.role == Role::Tag && !cell.is_empty())
            .map(|(column, cell)| (column.name.as_str(), *cell))
            .collect();
        tags.sort_by_key(|(key, _)| *key);
        for (key, value) in tags {
            check(key)?;
            check(value)?;
            out.push(b',');
            push_key(key, out);
            out.push(b'=');
            push_key(value, out);
        }
        let mut separator = b' ';
        for (column, cell) in &all {
            let (name, kind, is_value) = match column.role {
                Role::Field(kind) => (column.name.as_str(), kind, false),
                Role::Value(kind) => {
                    let name = last(&Role::FieldName).ok_or("the row has no field name")?;
                    (name, kind, true)
                }
                _ => continue,
            };
            // Strings of answers are never missing, so an empty one is one.
            if cell.is_empty() && !(is_value && kind == Some(Kind::Text)) {
                continue;
            }
            check(name)?;
            out.push(separator);
            separator = b',';
            push_key(name, out);
            out.push(b'=');
            push_value(kind, cell, out).map_err(|reason| format!("column {name}: {reason}"))?;
        }
        if separator == b' ' {
            return Err("the row has no field".to_owned());
        }
        let time = all
            .iter()
            .rev()
            .find_map(|(column, cell)| match column.role {
                Role::Time(form) if !cell.is_empty() => Some((form, *cell)),
                _ => None,
            });
        if let Some((form, cell)) = time {
            out.extend_from_slice(format!(" {}", self.time(form, cell)?).as_bytes());
        }
        Ok(())
    }

    fn time(&self, form: TimeForm, cell: &str) -> Result<i64, String> {
        let number = || {
            let number: Option<i64> = cell.parse().ok();
            number.and_then(|number| number.checked_mul(self.unit_ns))
        };
        let time = match form {
            TimeForm::Rfc3339 => parse_rfc3339(cell),
            TimeForm::Number => number(),
            TimeForm::Either => number().or_else(|| parse_rfc3339(cell)),
        };
        time.ok_or_else(|| format!("{cell:?} is no time"))
    }
}

fn check(text: &str) -> Result<(), String> {
    unwritable(text).map_or(Ok(()), |reason| Err(format!("{text:?}: {reason}")))
}

fn constant(values: &[String]) -> Result<Column, String> {
    let value = |at: usize| values.get(at).cloned().unwrap_or_default();
    let kind = value(0);
    let is_unnamed = kind == "measurement" || kind.starts_with("dateTime");
    let (name, default) = match values.get(2).filter(|value| !value.is_empty()) {
        Some(default) => (value(1), default.clone()),
        None if is_unnamed => (String::new(), value(1)),
        None => return Err(format!("#constant {kind}: the value is missing")),
    };
    let role = role(&name, &kind, false, false)?;
    Ok(Column {
        name,
        role,
        default,
    })
}

fn role(name: &str, kind: &str, is_result: bool, is_grouped: bool) -> Result<Role, String> {
    let (base, detail) = kind.split_once(':').unwrap_or((kind, ""));
    let typed = match base {
        "long" => Some(Kind::Long),
        "unsignedLong" => Some(Kind::Unsigned),
        "double" => Some(Kind::Double),
        "boolean" => Some(Kind::Boolean),
        "string" => Some(Kind::Text),
        "duration" => Some(Kind::Duration),
        _ => None,
    };
    Ok(match (name, base) {
        ("" | "result" | "table" | "_start" | "_stop", _)
            if !matches!(base, "measurement" | "tag" | "dateTime")
                || name == "_start"
                || name == "_stop" =>
        {
            Role::Ignored
        }
        ("_measurement", _) | (_, "measurement") => Role::Measurement,
        ("_field", _) => Role::FieldName,
        ("_value", _) if is_result => Role::Value(typed),
        (_, "dateTime") | ("_time", "") => Role::Time(match detail {
            "RFC3339" | "RFC3339Nano" => TimeForm::Rfc3339,
            "number" => TimeForm::Number,
            "" => TimeForm::Either,
            other => {
                return Err(format!(
                    "column {name}: the time format {other} is not supported"
                ));
            }
        }),
        ("time", "") => Role::Time(TimeForm::Either),
        (_, "time") => Role::Time(TimeForm::Either),
        (_, "tag") => Role::Tag,
        (_, "ignore" | "ignored") => Role::Ignored,
        _ if is_result || is_grouped => Role::Tag,
        (_, "" | "field") => Role::Field(None),
        (_, _) if typed.is_some() => Role::Field(typed),
        (_, other) => return Err(format!("column {name}: the type {other} is not supported")),
    })
}

fn push_value(kind: Option<Kind>, cell: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let wrong = |what: &str| format!("{cell:?} is no {what}");
    match kind.unwrap_or_else(|| guessed(cell)) {
        Kind::Long => {
            let number: i64 = cell
                .trim_end_matches('i')
                .parse()
                .map_err(|_| wrong("long"))?;
            out.extend_from_slice(format!("{number}i").as_bytes());
        }
        Kind::Unsigned => {
            let number = cell.trim_end_matches('u').parse::<u64>();
            let number = number.map_err(|_| wrong("unsignedLong"))?;
            out.extend_from_slice(format!("{number}u").as_bytes());
        }
        Kind::Double => {
            let number: f64 = cell.parse().map_err(|_| wrong("double"))?;
            if !number.is_finite() {
                return Err(wrong("number that can be stored"));
            }
            out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
        }
        Kind::Boolean => out.extend_from_slice(match cell {
            "true" | "t" | "T" | "True" | "TRUE" | "1" | "y" | "Y" | "yes" => b"true",
            "false" | "f" | "F" | "False" | "FALSE" | "0" | "n" | "N" | "no" => b"false",
            _ => return Err(wrong("boolean")),
        }),
        Kind::Duration => {
            let parsed = parse_duration(cell).ok_or_else(|| wrong("duration"))?;
            out.extend_from_slice(format!("{}i", parsed.as_nanos()).as_bytes());
        }
        Kind::Text => push_string(cell, out),
    }
    Ok(())
}

/// The type that a value without one has: as in line protocol, and a string else.
fn guessed(cell: &str) -> Kind {
    let whole = |suffix: char| {
        let digits = cell.strip_suffix(suffix);
        digits.is_some_and(|digits| digits.parse::<i128>().is_ok())
    };
    if whole('i') {
        Kind::Long
    } else if whole('u') {
        Kind::Unsigned
    } else if matches!(cell, "true" | "false") {
        Kind::Boolean
    } else if cell.parse::<f64>().is_ok_and(f64::is_finite) {
        Kind::Double
    } else {
        Kind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::csv::Records;

    fn converted(text: &str) -> Vec<Result<String, String>> {
        let mut converter = Converter::new(Precision::Seconds);
        let mut records = Records::new(text.as_bytes());
        let mut cells = Vec::new();
        let mut lines = Vec::new();
        while records.next(&mut cells).unwrap() {
            let mut out = Vec::new();
            match converter.convert(&cells, &mut out) {
                Ok(false) => {}
                Ok(true) => lines.push(Ok(String::from_utf8(out).unwrap())),
                Err(reason) => lines.push(Err(reason)),
            }
        }
        lines
    }

    #[test]
    fn an_answer_becomes_the_points_that_it_was_made_of() {
        let text = "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string\n\
                    #group,false,false,true,true,false,false,true,true,true\n\
                    #default,_result,,,,,,,,\n\
                    ,result,table,_start,_stop,_time,_value,_field,_measurement,host\n\
                    ,,0,1970-01-01T00:00:00Z,1971-01-01T00:00:00Z,1970-01-01T00:00:01.5Z,1.5,f,m x,a=b\n";
        assert_eq!(
            converted(text),
            [Ok("m\\ x,host=a\\=b f=1.5 1500000000".to_owned())]
        );
    }

    #[test]
    fn extended_annotations_name_what_columns_are() {
        let text = "#constant measurement,cpu\n#constant tag,region,eu\n\
                    #datatype dateTime:number,tag,double,long,ignored,string\n\
                    time,host,usage,count,x,note\n1,a,1,2,z,\"q\"\"q\"\n2,b,,3,,\n3,c,,,,\n4,d,one,,,\n";
        let lines = converted(text);
        assert_eq!(
            lines[0],
            Ok("cpu,host=a,region=eu usage=1.0,count=2i,note=\"q\\\"q\" 1000000000".to_owned())
        );
        assert_eq!(
            lines[1],
            Ok("cpu,host=b,region=eu count=3i 2000000000".to_owned())
        );
        assert_eq!(lines[2], Err("the row has no field".to_owned()));
        assert_eq!(
            lines[3],
            Err("column usage: \"one\" is no double".to_owned())
        );
    }

    #[test]
    fn headers_may_say_types_and_defaults() {
        let text = "m|measurement|none,v|boolean,t|tag|x,time|dateTime:RFC3339\n,true,,1970-01-01T00:00:00Z\na,0,y,\n";
        let want = ["none,t=x v=true 0", "a,t=y v=false"];
        assert_eq!(converted(text), want.map(|line| Ok(line.to_owned())));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let lines = converted("#timezone,CET\n");
        assert_eq!(
            lines,
            [Err("the annotation #timezone is not supported".to_owned())]
        );
        let lines = converted("a|base64Binary\nx\n");
        assert!(
            lines[0]
                .as_ref()
                .is_err_and(|reason| reason.contains("base64Binary"))
        );
    }
}
