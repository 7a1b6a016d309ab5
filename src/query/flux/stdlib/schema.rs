//! `import "influxdata/influxdb/schema"` and the older `influxdata/influxdb/v1`: which measurements,
//! tags and fields there are. Answered from the index, without reading points.

use super::universe::{bounded_scan, narrowed, predicate, range_bounds};
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::engine::source::{SeriesPredicate, TextMatch};
use crate::query::expr::{BinaryOp, Expr};
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::{Argument, Evaluator};
use crate::query::flux::stream::Stream;
use crate::query::flux::value::{Function, Value};
use crate::query::optimise;
use crate::query::plan::{self, Duration, Grouping, Names, Node, Scan};
use crate::query::table::{self, Cells, Column, GroupKey, Kind, Table};
use std::collections::BTreeSet;
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
    for path in ["influxdata/influxdb/schema", "influxdata/influxdb/v1"] {
        if let Some(Value::Function(from)) = evaluator.option_of(path, "_from") {
            return ask_stream(evaluator, call, &from, &names);
        }
    }
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

/// Asks what the program put in the place of a bucket.
fn ask_stream(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    from: &Function,
    names: &Names,
) -> Result<Value, Failure> {
    let range = range_bounds(evaluator, call, DEFAULT_START)?;
    let bucket = Argument::named("bucket", call.required("bucket"), call.span);
    let made = evaluator.call_function(from, vec![bucket], call.span)?;
    let Value::Stream(stream) = made else {
        return Err(call.fault(format!(
            "_from must return tables, not {}",
            made.type_name()
        )));
    };
    let Value::Stream(stream) = narrowed(&stream.bounded()?, range) else {
        return Ok(Value::Null);
    };
    let mut input = stream.bounded()?;
    if let Some(measurement) = call.string("measurement") {
        let label = Expr::Column("_measurement".into());
        let text = Expr::Literal(table::Value::String(measurement));
        input = Arc::new(Node::Filter {
            input,
            predicate: Expr::Binary(BinaryOp::Equal, Box::new(label), Box::new(text)),
            keep_empty: false,
        });
    }
    if let Some(function) = call.function("predicate") {
        let span = call.span_of("predicate");
        let predicate = predicate(evaluator, &function, "predicate", span)?;
        input = Arc::new(Node::Filter {
            input,
            predicate,
            keep_empty: false,
        });
    }
    let column = match names {
        Names::Measurements => "_measurement",
        Names::FieldKeys => "_field",
        Names::TagValues(tag) => tag,
        Names::TagKeys => {
            let inputs = vec![input];
            return Ok(super::tables::whole(call, inputs, |_, inputs| {
                let tables = inputs.iter().flatten();
                let parts = tables.flat_map(|table| table.key.parts());
                let labels: BTreeSet<&str> = parts.map(|(label, _)| &**label).collect();
                let mut cells = Cells::new(Kind::String);
                for label in labels {
                    cells.push(table::Value::string(label));
                }
                Ok(vec![Table {
                    key: GroupKey::default(),
                    columns: vec![Column::new("_value", cells)],
                }])
            }));
        }
    };
    Ok(Value::Stream(Stream::tables(Arc::new(distinct_of(
        input, column,
    )))))
}

const fn is_true(predicate: &crate::query::expr::Expr) -> bool {
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
    Ok(distinct_of(input, column))
}

/// The values of a column, each once, sorted.
fn distinct_of(input: plan::Stream, column: &str) -> Node {
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
    Node::Sort {
        input,
        columns: vec!["_value".to_owned()],
        descending: false,
    }
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
