//! What every program has without an import.

mod aggregate;
mod columns;
mod convert;
mod rows;
mod source;
mod window;

pub use rows::predicate;
pub use source::{BUCKETS, FROM, bounded_scan, range_bounds};

use super::{Constant, Member, Package};

macro_rules! functions {
    ($($name:literal => $builtin:path,)*) => {
        &[
            $(($name, Member::Function(&$builtin)),)*
            ("true", Member::Constant(Constant::Boolean(true))),
            ("false", Member::Constant(Constant::Boolean(false))),
        ]
    };
}

pub static PACKAGE: Package = Package {
    path: "universe",
    name: "universe",
    members: functions! {
        "aggregateWindow" => window::AGGREGATE_WINDOW,
        "bool" => convert::BOOL,
        "bottom" => rows::BOTTOM,
        "buckets" => source::BUCKETS,
        "contains" => convert::CONTAINS,
        "count" => aggregate::COUNT,
        "die" => convert::DIE,
        "distinct" => rows::DISTINCT,
        "drop" => columns::DROP,
        "duplicate" => columns::DUPLICATE,
        "duration" => convert::DURATION,
        "fill" => rows::FILL,
        "filter" => rows::FILTER,
        "first" => aggregate::FIRST,
        "float" => convert::FLOAT,
        "from" => source::FROM,
        "group" => columns::GROUP,
        "int" => convert::INT,
        "keep" => columns::KEEP,
        "last" => aggregate::LAST,
        "length" => convert::LENGTH,
        "limit" => rows::LIMIT,
        "map" => rows::MAP,
        "max" => aggregate::MAX,
        "mean" => aggregate::MEAN,
        "min" => aggregate::MIN,
        "now" => source::NOW,
        "pivot" => columns::PIVOT,
        "range" => source::RANGE,
        "rename" => columns::RENAME,
        "set" => columns::SET,
        "sort" => rows::SORT,
        "string" => convert::STRING,
        "sum" => aggregate::SUM,
        "tail" => rows::TAIL,
        "time" => convert::TIME,
        "today" => source::TODAY,
        "top" => rows::TOP,
        "uint" => convert::UINT,
        "union" => rows::UNION,
        "unique" => rows::UNIQUE,
        "window" => window::WINDOW,
        "yield" => source::YIELD,
    },
};

/// The name of the column that most functions work on.
const VALUE: &str = "_value";

/// A function of tables with parameters of its own.
macro_rules! transformation {
    ($constant:ident, $name:literal, $run:path, [$($parameter:expr),* $(,)?]) => {
        pub static $constant: Builtin = Builtin {
            name: $name,
            parameters: &[Parameter::TABLES, $($parameter),*],
            run: $run,
        };
    };
}
use transformation;
