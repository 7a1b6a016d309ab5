//! `option task = {name: "...", every: 1h, offset: 5m}` in the text of a task.

use super::schedule::Schedule;
use super::{TaskError, invalid};
use crate::query::flux::ast::{
    Expression, ExpressionKind, OptionTarget, StatementKind, UnaryOperator,
};
use crate::query::flux::error;
use crate::query::flux::parse::parse;
use crate::query::plan::Duration;

const CONCURRENCY_MAX: i64 = 100;
const ATTEMPTS_MAX: i64 = 10;

#[derive(Debug, Clone)]
pub struct TaskOptions {
    pub name: String,
    /// As they stand in the text; one of the two.
    pub every: Option<String>,
    pub cron: Option<String>,
    pub offset: Option<String>,
    pub schedule: Schedule,
    /// A run starts so much later than it is scheduled.
    pub offset_ns: i64,
    /// Runs at once.
    pub concurrency: usize,
    /// Attempts of a run that fails.
    pub attempts: usize,
}

/// What a request wants changed.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub name: Option<String>,
    pub every: Option<String>,
    pub cron: Option<String>,
    pub offset: Option<String>,
}

impl Change {
    pub const fn is_empty(&self) -> bool {
        self.name.is_none() && self.every.is_none() && self.cron.is_none() && self.offset.is_none()
    }
}

/// The record of the option: where it stands, and its parts with their source.
struct Found {
    start: usize,
    end: usize,
    parts: Vec<(String, Expression)>,
}

fn find(text: &str) -> Result<Found, TaskError> {
    let parsed = parse(text);
    if !parsed.errors.is_empty() {
        return Err(invalid(error::join(&parsed.errors)));
    }
    let options = parsed.file.body.iter().filter_map(|statement| {
        let StatementKind::Option { target, value } = &statement.kind else {
            return None;
        };
        let OptionTarget::Variable(name) = target else {
            return None;
        };
        (&*name.name == "task").then_some(value)
    });
    let mut options: Vec<&Expression> = options.collect();
    let (Some(option), true) = (options.pop(), options.is_empty()) else {
        return Err(invalid(
            "a task needs exactly one line like option task = {name: \"hourly\", every: 1h}",
        ));
    };
    let ExpressionKind::Record {
        with: None,
        properties,
    } = &option.kind
    else {
        return Err(invalid(
            "option task must be a record like {name: \"hourly\", every: 1h}",
        ));
    };
    let parts = properties.iter().map(|property| {
        let name = property.key.name.to_string();
        match &property.value {
            Some(value) => Ok((name, value.clone())),
            None => Err(invalid(format!("option task: {name} has no value"))),
        }
    });
    Ok(Found {
        start: option.span.start.offset as usize,
        end: option.span.end.offset as usize,
        parts: parts.collect::<Result<_, _>>()?,
    })
}

fn source<'t>(text: &'t str, expression: &Expression) -> &'t str {
    let span = expression.span;
    let range = span.start.offset as usize..span.end.offset as usize;
    text.get(range).unwrap_or_default()
}

fn duration(name: &str, expression: &Expression) -> Result<Duration, TaskError> {
    let read = match &expression.kind {
        ExpressionKind::Duration(parts) => Duration::from_parts(parts),
        ExpressionKind::Unary {
            operator: UnaryOperator::Minus,
            operand,
        } => match &operand.kind {
            ExpressionKind::Duration(parts) => {
                Duration::from_parts(parts).and_then(Duration::checked_neg)
            }
            _ => None,
        },
        _ => None,
    };
    read.ok_or_else(|| invalid(format!("option {name} must be a duration like 1h")))
}

fn string(name: &str, expression: &Expression) -> Result<String, TaskError> {
    match &expression.kind {
        ExpressionKind::String(text) => Ok(text.to_string()),
        _ => Err(invalid(format!("option {name} must be a string"))),
    }
}

fn count(name: &str, expression: &Expression, most: i64) -> Result<usize, TaskError> {
    match &expression.kind {
        ExpressionKind::Integer(count) if (1..=most).contains(count) => {
            Ok(usize::try_from(*count).unwrap_or(1))
        }
        _ => Err(invalid(format!(
            "option {name} must be a whole number from 1 to {most}"
        ))),
    }
}

impl TaskOptions {
    pub fn read(text: &str) -> Result<Self, TaskError> {
        let found = find(text)?;
        let (mut name, mut every, mut cron, mut offset) = (None, None, None, None);
        let (mut by_every, mut by_cron) = (None, None);
        let (mut offset_ns, mut concurrency, mut attempts) = (0, 1, 1);
        for (key, value) in &found.parts {
            match key.as_str() {
                "name" => name = Some(string(key, value)?),
                "every" => {
                    by_every = Some(Schedule::every(duration(key, value)?)?);
                    every = Some(source(text, value).to_owned());
                }
                "cron" => {
                    let fields = string(key, value)?;
                    by_cron = Some(Schedule::cron(&fields)?);
                    cron = Some(fields);
                }
                "offset" => {
                    let length = duration(key, value)?;
                    if length.months != 0 {
                        return Err(invalid("option offset can't have months"));
                    }
                    offset_ns = length.nanoseconds;
                    offset = Some(source(text, value).to_owned());
                }
                "concurrency" => concurrency = count(key, value, CONCURRENCY_MAX)?,
                "retry" => attempts = count(key, value, ATTEMPTS_MAX)?,
                other => return Err(invalid(format!("option task has no part {other}"))),
            }
        }
        let schedule = match (by_every, by_cron) {
            (Some(schedule), None) | (None, Some(schedule)) => schedule,
            (None, None) => return Err(invalid("option task needs every or cron")),
            (Some(_), Some(_)) => {
                return Err(invalid("option task can't have both every and cron"));
            }
        };
        let name = name.filter(|name| !name.trim().is_empty());
        Ok(Self {
            name: name.ok_or_else(|| invalid("option task needs a name"))?,
            every,
            cron,
            offset,
            schedule,
            offset_ns,
            concurrency,
            attempts,
        })
    }
}

/// The text with other options; the rest of it stays as it is.
pub fn changed(text: &str, change: &Change) -> Result<String, TaskError> {
    let found = find(text)?;
    let mut parts: Vec<(String, String)> = found
        .parts
        .iter()
        .map(|(name, value)| (name.clone(), source(text, value).to_owned()))
        .collect();
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let wanted = [
        ("name", change.name.as_deref().map(quoted)),
        ("every", change.every.clone()),
        ("cron", change.cron.as_deref().map(quoted)),
        ("offset", change.offset.clone()),
    ];
    for (name, value) in wanted {
        let Some(value) = value else { continue };
        let other = match name {
            "every" => "cron",
            "cron" => "every",
            _ => "",
        };
        // One schedule takes the place of the other; an empty one takes it away.
        parts.retain(|(have, _)| have != other);
        let at = parts.iter().position(|(have, _)| have == name);
        match (at, value.is_empty()) {
            (Some(at), true) => drop(parts.remove(at)),
            (Some(at), false) => {
                if let Some(part) = parts.get_mut(at) {
                    part.1 = value;
                }
            }
            (None, true) => {}
            (None, false) => parts.push((name.to_owned(), value)),
        }
    }
    let parts: Vec<String> = parts
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let (before, after) = (text.get(..found.start), text.get(found.end..));
    let text = format!(
        "{}{{{}}}{}",
        before.unwrap_or_default(),
        parts.join(", "),
        after.unwrap_or_default()
    );
    TaskOptions::read(&text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "import \"array\"\n// option task = {}\noption task = {\n    name: \"a \\\"b\\\"\",\n    \
                        every: 1h30m, // often\n    offset: -5m,\n}\nfrom(bucket: \"b\") |> range(start: -1h)\n";

    #[test]
    fn options_are_read_from_the_text() {
        let options = TaskOptions::read(TEXT).unwrap();
        assert_eq!(options.name, "a \"b\"");
        assert_eq!(options.every.as_deref(), Some("1h30m"));
        assert_eq!(options.offset.as_deref(), Some("-5m"));
        assert_eq!(options.offset_ns, -300_000_000_000);
        let wrong = [
            ("from(bucket: \"b\")", "exactly one"),
            ("option task = {name: \"a\"}", "every or cron"),
            ("option task = {every: 1h}", "needs a name"),
            (
                "option task = {name: \"a\", every: 1h, cron: \"* * * * *\"}",
                "both",
            ),
            (
                "option task = {name: \"a\", every: \"1h\"}",
                "must be a duration",
            ),
            ("option task = {name: \"a\", cron: \"x\"}", "not a schedule"),
            (
                "option task = {name: \"a\", every: 1h, often: true}",
                "no part often",
            ),
            (
                "option task = {name: \"a\", every: 1h, concurrency: 0}",
                "whole number",
            ),
            ("option task = 1", "must be a record"),
            ("option task = {", "error"),
        ];
        for (text, reason) in wrong {
            let error = TaskOptions::read(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_change_leaves_the_rest_of_the_text() {
        let change = Change {
            name: Some("new \"x\"".to_owned()),
            cron: Some("0 * * * *".to_owned()),
            offset: Some(String::new()),
            every: None,
        };
        let text = changed(TEXT, &change).unwrap();
        let options = TaskOptions::read(&text).unwrap();
        assert_eq!(options.name, "new \"x\"");
        assert_eq!(options.cron.as_deref(), Some("0 * * * *"));
        assert_eq!((options.every, options.offset_ns), (None, 0));
        assert!(text.starts_with("import \"array\"\n// option task = {}\n"));
        assert!(text.ends_with("\nfrom(bucket: \"b\") |> range(start: -1h)\n"));
        let wrong = Change {
            every: Some("1x".to_owned()),
            ..Change::default()
        };
        assert!(changed(TEXT, &wrong).is_err());
    }
}
