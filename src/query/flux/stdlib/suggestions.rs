//! What editors are offered: the functions of the universe with their parameters.

use super::{Accepts, Member, universe};
use crate::query::flux::ast::{ExpressionKind, StatementKind};
use crate::query::flux::parse::parse;

/// A function and its parameters with their types, as `/api/v2/query/suggestions` names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    pub name: &'static str,
    pub parameters: Vec<(String, &'static str)>,
}

/// All functions, by name.
pub fn suggestions() -> Vec<Suggestion> {
    let members = universe::PACKAGE.members.iter();
    let mut found: Vec<Suggestion> = members
        .filter(|(name, _)| !name.starts_with('_'))
        .filter_map(|(name, member)| {
            Some(Suggestion {
                name,
                parameters: parameters(member)?,
            })
        })
        .collect();
    found.sort_by_key(|suggestion| suggestion.name);
    found
}

/// `None` for what is no function.
fn parameters(member: &Member) -> Option<Vec<(String, &'static str)>> {
    match member {
        Member::Constant(_) => None,
        Member::Function(builtin) => {
            let parameters = builtin.parameters.iter();
            let named = parameters.map(|parameter| {
                let kind = type_name(parameter.accepts);
                (parameter.name.to_owned(), kind)
            });
            Some(named.collect())
        }
        Member::Text(text) => {
            let parsed = parse(text);
            let StatementKind::Expression(expression) = &parsed.file.body.first()?.kind else {
                return None;
            };
            let ExpressionKind::Function(literal) = &expression.kind else {
                return None;
            };
            let parameters = literal.parameters.iter();
            let named = parameters.map(|parameter| {
                let kind = if parameter.is_pipe() {
                    "stream"
                } else {
                    "invalid"
                };
                (parameter.name.name.to_string(), kind)
            });
            Some(named.collect())
        }
    }
}

/// InfluxDB calls a type that is not one alone "invalid".
const fn type_name(accepts: Accepts) -> &'static str {
    match accepts {
        Accepts::Stream => "stream",
        Accepts::Boolean => "bool",
        Accepts::Integer => "int",
        Accepts::Float => "float",
        Accepts::String | Accepts::Text => "string",
        Accepts::Duration => "duration",
        Accepts::Regex => "regexp",
        Accepts::Function => "function",
        Accepts::Strings | Accepts::Array => "array",
        Accepts::Record => "object",
        Accepts::Number | Accepts::Moment | Accepts::Any => "invalid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_come_with_their_parameters() {
        let all = suggestions();
        let of = |name: &str| all.iter().find(|found| found.name == name).unwrap();
        let limit = &of("limit").parameters;
        assert!(limit.contains(&("n".to_owned(), "int")), "{limit:?}");
        assert!(
            limit.contains(&("tables".to_owned(), "stream")),
            "{limit:?}"
        );
        assert!(all.len() > 100, "{}", all.len());
        assert!(all.iter().all(|found| !found.name.starts_with('_')));
    }
}
