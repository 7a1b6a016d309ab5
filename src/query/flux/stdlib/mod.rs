//! The library: packages, their functions and constants, and how arguments are checked.
//!
//! One module per package. A function is a table entry: its name, its parameters and a Rust function.
//! What the language has but this version has not is listed in [`absent`], to be named in errors.

mod absent;
mod array;
mod call;
mod csv;
mod date;
mod debug;
mod difference;
mod dynamic;
mod experimental;
mod forecast;
mod generate;
mod influxdb;
mod iox;
mod join;
mod json;
mod math;
mod native;
mod pagerduty;
mod plain;
mod promql;
mod regexp;
mod sampledata;
mod schema;
mod scripts;
mod secrets;
mod strings;
mod suggestions;
mod tables;
pub mod testing;
mod to;
pub mod universe;
pub mod zone;

pub use absent::describe_undefined;
pub use call::{Accepts, Call, Need, Parameter};
pub use suggestions::{Suggestion, suggestions};

use super::error::Failure;
use super::eval::Evaluator;
use super::value::{Function, Value};

/// A function of the library.
pub struct Builtin {
    pub name: &'static str,
    pub parameters: &'static [Parameter],
    pub run: fn(&mut Evaluator<'_>, &Call) -> Result<Value, Failure>,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "builtin {}", self.name)
    }
}

/// What a package has under a name.
pub enum Member {
    Function(&'static Builtin),
    Constant(Constant),
    /// An expression of the language over the universe, read when it is first used.
    Text(&'static str),
}

pub enum Constant {
    Boolean(bool),
    Float(f64),
    Integer(i64),
    Unsigned(u64),
}

impl Member {
    /// `None` for what has to be evaluated first.
    pub const fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Text(_) => return None,
            Self::Function(builtin) => Value::Function(Function::Builtin(builtin)),
            Self::Constant(Constant::Boolean(value)) => Value::Boolean(*value),
            Self::Constant(Constant::Float(value)) => Value::Float(*value),
            Self::Constant(Constant::Integer(value)) => Value::Integer(*value),
            Self::Constant(Constant::Unsigned(value)) => Value::Unsigned(*value),
        })
    }
}

pub struct Package {
    pub path: &'static str,
    pub name: &'static str,
    pub members: &'static [(&'static str, Member)],
}

impl std::fmt::Debug for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "package {}", self.path)
    }
}

impl Package {
    /// The error is the message for a name that the package lacks.
    pub fn member(&self, name: &str) -> Result<&'static Member, String> {
        let found = self.members.iter().find(|(have, _)| *have == name);
        found.map(|(_, member)| member).ok_or_else(|| {
            format!(
                "function {}.{name} does not exist or is not supported yet",
                self.name
            )
        })
    }
}

const PACKAGES: &[&Package] = &[
    &universe::PACKAGE,
    &array::PACKAGE,
    &array::EXPERIMENTAL,
    &csv::PACKAGE,
    &dynamic::PACKAGE,
    &generate::PACKAGE,
    &zone::BOUNDARIES,
    &sampledata::PACKAGE,
    &testing::PLANNER_OPTIONS,
    &testing::INTERNAL,
    &join::PACKAGE,
    &join::ROWS,
    &promql::PACKAGE,
    &forecast::STATSMODELS,
    &forecast::INTERPOLATE,
    &iox::PACKAGE,
    &json::PACKAGE,
    &scripts::TICKSCRIPT,
    &scripts::OEE,
    &scripts::MONITOR,
    &scripts::TASKS,
    &scripts::INFLUXQL,
    &scripts::EVENTS,
    &scripts::TABLE,
    &scripts::QUERY,
    &scripts::AGGREGATE,
    &pagerduty::PACKAGE,
    &plain::TYPES,
    &plain::DICT,
    &plain::RECORD,
    &json::EXPERIMENTAL,
    &scripts::SAMPLE,
    &scripts::ANOMALY_DETECTION,
    &plain::BITWISE,
    &plain::EXPERIMENTAL_BITWISE,
    &plain::TIMEZONE,
    &plain::RUNTIME,
    &plain::SYSTEM,
    &plain::EXPERIMENTAL,
    &csv::EXPERIMENTAL,
    &debug::PACKAGE,
    &testing::PACKAGE,
    &testing::EXPECT,
    &date::PACKAGE,
    &influxdb::PACKAGE,
    &math::PACKAGE,
    &regexp::PACKAGE,
    &schema::PACKAGE,
    &schema::V1,
    &secrets::PACKAGE,
    &strings::PACKAGE,
];

/// The part of a package that is written in Flux; empty packages are nothing else.
pub fn script(path: &str) -> Option<&'static str> {
    scripts::SCRIPTS
        .iter()
        .find(|(have, _)| *have == path)
        .map(|(_, text)| *text)
}

pub fn package(path: &str) -> Option<&'static Package> {
    PACKAGES
        .iter()
        .copied()
        .find(|package| package.path == path)
}

/// The message for an import that can't be had.
pub fn describe_missing(path: &str) -> String {
    if absent::PACKAGES.contains(&path) || path.starts_with("contrib/") {
        format!("package {path:?} is not supported yet")
    } else {
        format!("invalid import path {path}")
    }
}
