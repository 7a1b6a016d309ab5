//! `import "influxdata/influxdb/schema"` and the older `influxdata/influxdb/v1`: which measurements,
//! tags and fields there are. Answered from the index, without reading points.

use super::universe::{bounded_scan, predicate, range_bounds};
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::engine::source::{SeriesPredicate, TextMatch};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::Evaluator;
use crate::query::flux::stream::Stream;
use crate::query::flux::value::Value;
use crate::query::optimise;
use crate::query::plan::{Duration, Grouping, Names, Node, Scan};
use std::sync::Arc;

/// Without `start`, the last 30 days are looked at.
const DEFAULT_START: Duration = Duration::nanoseconds(-30 * 86_400_000_000_000);

const BUCKET: Parameter = Parameter::required("bucket", Accepts::String);
const PREDICATE: Parameter = Parameter::optional("predicate", Accepts::Function);
const START: Parameter = Parameter::optional("start", Accepts::Moment);
const STOP: Parameter = Parameter::optional("stop", Accepts::Moment);
const MEASUREMENT: Parameter = Parameter::required("measurement", Accepts::String);
const TAG: Parameter = Parameter::required("tag", Accepts::String);

macro_rules! questions {
    ($($constant:ident $name:literal [$($parameter:expr),*] $names:expr;)*) => {
        $(
            static $constant: Builtin = Builtin {
                name: $name,
                parameters: &[BUCKET, $($parameter,)* START, STOP],
                run: |evaluator, call| {
                    let names: fn(&Call) -> Names = $names;
                    ask(evaluator, call, names(call))
                },
            };
        )*
    };
}

fn tag_values(call: &Call) -> Names {
    // Measurements and fields are columns like tags, so they can be asked for in the same way.
    match call.string_or("tag", "").as_str() {
        "_measurement" => Names::Measurements,
        "_field" => Names::FieldKeys,
        tag => Names::TagValues(tag.to_owned()),
    }
}

questions! {
    MEASUREMENTS "measurements" [] |_| Names::Measurements;
    TAG_KEYS "tagKeys" [PREDICATE] |_| Names::TagKeys;
    MEASUREMENT_TAG_KEYS "measurementTagKeys" [MEASUREMENT] |_| Names::TagKeys;
    TAG_VALUES "tagValues" [TAG, PREDICATE] tag_values;
    MEASUREMENT_TAG_VALUES "measurementTagValues" [MEASUREMENT, TAG] tag_values;
    FIELD_KEYS "fieldKeys" [PREDICATE] |_| Names::FieldKeys;
    MEASUREMENT_FIELD_KEYS "measurementFieldKeys" [MEASUREMENT] |_| Names::FieldKeys;
}

static FIELDS_AS_COLS: Builtin = Builtin {
    name: "fieldsAsCols",
    parameters: &[Parameter::TABLES],
    run: fields_as_cols,
};

const MEMBERS: &[(&str, Member)] = &[
    ("fieldKeys", Member::Function(&FIELD_KEYS)),
    ("fieldsAsCols", Member::Function(&FIELDS_AS_COLS)),
    (
        "measurementFieldKeys",
        Member::Function(&MEASUREMENT_FIELD_KEYS),
    ),
    (
        "measurementTagKeys",
        Member::Function(&MEASUREMENT_TAG_KEYS),
    ),
    (
        "measurementTagValues",
        Member::Function(&MEASUREMENT_TAG_VALUES),
    ),
    ("measurements", Member::Function(&MEASUREMENTS)),
    ("tagKeys", Member::Function(&TAG_KEYS)),
    ("tagValues", Member::Function(&TAG_VALUES)),
];

pub static PACKAGE: Package = Package {
    path: "influxdata/influxdb/schema",
    name: "schema",
    members: MEMBERS,
};
pub static V1: Package = Package {
    path: "influxdata/influxdb/v1",
    name: "v1",
    members: MEMBERS,
};

fn ask(evaluator: &mut Evaluator<'_>, call: &Call, names: Names) -> Result<Value, Failure> {
    let range = range_bounds(evaluator, call, DEFAULT_START)?;
    let mut scan = bounded_scan(evaluator, call, range)?;
    if let Some(measurement) = call.string("measurement") {
        scan.predicate =
            SeriesPredicate::Measurement(TextMatch::Equal(measurement.as_ref().into()));
    }
    let node = match call.function("predicate") {
        None => Node::Names(scan, names),
        Some(function) => {
            let span = call.span_of("predicate");
            let predicate = predicate(evaluator, &function, "predicate", span)?;
            match optimise::split(&predicate) {
                (Some(pushed), None) => Node::Names(
                    Scan {
                        predicate: pushed,
                        ..scan
                    },
                    names,
                ),
                _ if is_true(&predicate) => Node::Names(scan, names),
                _ => by_points(call, scan, predicate, &names)?,
            }
        }
    };
    Ok(Value::Stream(Stream::tables(Arc::new(node))))
}

const fn is_true(predicate: &crate::query::expr::Expr) -> bool {
    use crate::query::{expr::Expr, table};
    matches!(predicate, Expr::Literal(table::Value::Boolean(true)))
}

/// A predicate on times or values needs the points.
fn by_points(
    call: &Call,
    scan: Scan,
    predicate: crate::query::expr::Expr,
    names: &Names,
) -> Result<Node, Failure> {
    let column = match names {
        Names::Measurements => "_measurement",
        Names::FieldKeys => "_field",
        Names::TagValues(tag) => tag,
        Names::TagKeys => {
            let message = "the predicate of tagKeys can only test _measurement, _field and tags";
            return Err(FluxError::check(call.span_of("predicate"), message).into());
        }
    };
    let input = Arc::new(Node::Scan(scan));
    let input = Arc::new(Node::Filter {
        input,
        predicate,
        keep_empty: false,
    });
    let input = Arc::new(Node::Keep {
        input,
        columns: vec![column.to_owned()],
    });
    let input = Arc::new(Node::Group {
        input,
        by: Grouping::By(Vec::new()),
    });
    let input = Arc::new(Node::Distinct {
        input,
        column: column.to_owned(),
    });
    Ok(Node::Sort {
        input,
        columns: vec!["_value".to_owned()],
        descending: false,
    })
}

/// Fields that share a time become columns of one row.
fn fields_as_cols(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let node = Node::Pivot {
        input: call.tables()?,
        row_key: vec!["_time".to_owned()],
        column_key: vec!["_field".to_owned()],
        value_column: "_value".to_owned(),
    };
    Ok(Value::Stream(Stream::tables(Arc::new(node))))
}
