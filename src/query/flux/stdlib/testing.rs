//! `import "testing"`: comparing streams. Differences are a result of their own, `errorOutput`.

use super::tables::{collect, whole};
use super::{Accepts, Builtin, Call, Member, Package, Parameter};
use crate::query::context::QueryError;
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::{Evaluator, Yield};
use crate::query::flux::value::Value;
use crate::query::plan;
use crate::query::table::{Cells, Column, GroupKey, Kind, Table, Value as CellValue};
use std::collections::{BTreeMap, BTreeSet};

/// The result that holds differences.
pub const ERROR_OUTPUT: &str = "errorOutput";
const EPSILON: f64 = 1e-6;

static DIFF: Builtin = Builtin {
    name: "diff",
    parameters: &[
        Parameter {
            name: "got",
            accepts: Accepts::Stream,
            need: super::Need::Pipe,
        },
        Parameter::required("want", Accepts::Stream),
        Parameter::optional("verbose", Accepts::Boolean),
        Parameter::optional("epsilon", Accepts::Float),
        Parameter::optional("nansEqual", Accepts::Boolean),
    ],
    run: diff,
};
static ASSERT_EQUALS: Builtin = Builtin {
    name: "assertEquals",
    parameters: &[
        Parameter {
            name: "got",
            accepts: Accepts::Stream,
            need: super::Need::Pipe,
        },
        Parameter::required("name", Accepts::String),
        Parameter::required("want", Accepts::Stream),
    ],
    run: diff,
};
static ASSERT_EMPTY: Builtin = Builtin {
    name: "assertEmpty",
    parameters: &[Parameter::TABLES],
    run: assert_empty,
};
static ASSERT_EQUAL_VALUES: Builtin = Builtin {
    name: "assertEqualValues",
    parameters: &[
        Parameter::required("got", Accepts::Any),
        Parameter::required("want", Accepts::Any),
    ],
    run: assert_equal_values,
};
static SHOULD_ERROR: Builtin = Builtin {
    name: "shouldError",
    parameters: &[
        Parameter::required("fn", Accepts::Function),
        Parameter::required("want", Accepts::Regex),
    ],
    run: should_error,
};
static PLANNER: Builtin = Builtin {
    name: "planner",
    parameters: &[Parameter::required("rules", Accepts::Any)],
    run: |_, _| Ok(Value::Null),
};

pub static PACKAGE: Package = Package {
    path: "testing",
    name: "testing",
    members: &[
        ("assertEmpty", Member::Function(&ASSERT_EMPTY)),
        ("assertEqualValues", Member::Function(&ASSERT_EQUAL_VALUES)),
        ("assertEquals", Member::Function(&ASSERT_EQUALS)),
        ("diff", Member::Function(&DIFF)),
        ("tags", Member::Text("[]")),
        ("load", Member::Text("(tables=<-) => tables")),
        ("shouldError", Member::Function(&SHOULD_ERROR)),
    ],
};
/// Rules that a program turns off; there are none of these names here.
pub static PLANNER_OPTIONS: Package = Package {
    path: "planner",
    name: "planner",
    members: &[
        ("disableLogicalRules", Member::Text("[]")),
        ("disablePhysicalRules", Member::Text("[]")),
    ],
};
static ASSERT_MATCHES: Builtin = Builtin {
    name: "assertMatches",
    parameters: &[
        Parameter::required("got", Accepts::String),
        Parameter::required("want", Accepts::Regex),
    ],
    run: |_, call| match (call.string("got"), call.value("want")) {
        (Some(got), Some(Value::Regex(want))) if !want.is_match(&got) => {
            Err(call.fault(format!("Regex `{want}` does not match `{got}`")))
        }
        _ => Ok(Value::Null),
    },
};
pub static INTERNAL: Package = Package {
    path: "internal/testing",
    name: "testing",
    members: &[("assertMatches", Member::Function(&ASSERT_MATCHES))],
};
pub static EXPECT: Package = Package {
    path: "testing/expect",
    name: "expect",
    members: &[("planner", Member::Function(&PLANNER))],
};

fn stream(call: &Call, name: &str) -> Result<plan::Stream, Failure> {
    match call.value(name) {
        Some(Value::Stream(stream)) => stream.clone().bounded(),
        _ => Err(call.fault(format!("{name} is not a stream"))),
    }
}

fn diff(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let inputs = vec![stream(call, "got")?, stream(call, "want")?];
    let epsilon = match call.value("epsilon") {
        Some(Value::Float(epsilon)) => *epsilon,
        _ => EPSILON,
    };
    let nans_equal = call.boolean_or("nansEqual", false);
    let made = whole(call, inputs, move |_, inputs| {
        let mut inputs = inputs.into_iter();
        let got = by_key(inputs.next().unwrap_or_default());
        let want = by_key(inputs.next().unwrap_or_default());
        Ok(differences(&got, &want, epsilon, nans_equal))
    });
    reported(evaluator, call, made)
}

/// `experimental.diff`: the rows of both streams with a column that tells whose they are.
pub static DIFF_ROWS: Builtin = Builtin {
    name: "diff",
    parameters: &[
        Parameter::required("got", Accepts::Stream),
        Parameter::required("want", Accepts::Stream),
    ],
    run: |_, call| {
        let inputs = vec![stream(call, "got")?, stream(call, "want")?];
        Ok(whole(call, inputs, |_, inputs| {
            let mut inputs = inputs.into_iter();
            let got = by_key(inputs.next().unwrap_or_default());
            let want = by_key(inputs.next().unwrap_or_default());
            Ok(marked(&got, &want))
        }))
    },
};

/// Tables that differ, with the fewest removals and additions; equal rows have an empty mark.
fn marked(got: &BTreeMap<GroupKey, Table>, want: &BTreeMap<GroupKey, Table>) -> Vec<Table> {
    let nothing = Table::default();
    let keys: BTreeSet<&GroupKey> = got.keys().chain(want.keys()).collect();
    let mut out = Vec::new();
    for key in keys {
        let (got, want) = (
            got.get(key).unwrap_or(&nothing),
            want.get(key).unwrap_or(&nothing),
        );
        let labels: BTreeSet<&str> = got
            .columns
            .iter()
            .chain(&want.columns)
            .map(|column| &*column.label)
            .collect();
        let same = |have: usize, wanted: usize| {
            labels.iter().all(|label| {
                let have = got.column(label).map(|column| column.cells.get(have));
                let wanted = want.column(label).map(|column| column.cells.get(wanted));
                equal(have, wanted, EPSILON, false)
            })
        };
        let steps = script(want.rows(), got.rows(), same);
        if steps.iter().all(|step| step.0.is_empty()) {
            continue;
        }
        let mut table = Table::default();
        let mut marks = Cells::new(Kind::String);
        for (mark, row) in steps {
            let from = if mark == "+" { got } else { want };
            table.append(&from.take(&[row]));
            marks.push(CellValue::string(mark));
        }
        table.columns.insert(0, Column::new("_diff", marks));
        table.key = key.clone();
        out.push(table);
    }
    out
}

/// Which rows stay, go and come. Of rows that changed in the same place, those that go come first.
fn script(
    want: usize,
    got: usize,
    same: impl Fn(usize, usize) -> bool,
) -> Vec<(&'static str, usize)> {
    let (mut left, mut right) = (0, 0);
    let (mut gone, mut come): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut out = Vec::new();
    while left < want || right < got {
        // The nearest pair of equal rows ahead.
        let ahead = (0..SEARCH_ROWS).find_map(|distance| {
            (0..=distance).find_map(|skip| {
                let (l, r) = (left + distance - skip, right + skip);
                (l < want && r < got && same(r, l)).then_some((l, r))
            })
        });
        let (l, r) = ahead.unwrap_or((want, got));
        gone.extend(left..l);
        come.extend(right..r);
        out.extend(gone.drain(..).map(|row| ("-", row)));
        out.extend(come.drain(..).map(|row| ("+", row)));
        if ahead.is_some() {
            out.push(("", l));
        }
        (left, right) = (l.saturating_add(1), r.saturating_add(1));
    }
    out
}

/// How far ahead equal rows are looked for.
const SEARCH_ROWS: usize = 200;

fn reported(evaluator: &mut Evaluator<'_>, call: &Call, made: Value) -> Result<Value, Failure> {
    if let Value::Stream(stream) = &made {
        evaluator.add_result(Yield {
            name: ERROR_OUTPUT.to_owned(),
            stream: stream.clone().bounded()?,
            span: call.span,
            explicit: false,
        });
    }
    let Value::Stream(stream) = made else {
        return Ok(made);
    };
    Ok(Value::Stream(crate::query::flux::stream::Stream {
        yielded: true,
        ..stream
    }))
}

fn assert_empty(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let made = whole(call, vec![call.tables()?], |_, inputs| {
        let tables = inputs.into_iter().flatten();
        Ok(tables.filter(|table| table.rows() > 0).collect())
    });
    reported(evaluator, call, made)
}

fn by_key(tables: Vec<Table>) -> BTreeMap<GroupKey, Table> {
    let mut out: BTreeMap<GroupKey, Table> = BTreeMap::new();
    for table in tables.into_iter().filter(|table| table.rows() > 0) {
        match out.get_mut(&table.key) {
            Some(have) => have.append(&table),
            None => {
                out.insert(table.key.clone(), table);
            }
        }
    }
    out
}

fn differences(
    got: &BTreeMap<GroupKey, Table>,
    want: &BTreeMap<GroupKey, Table>,
    epsilon: f64,
    nans_equal: bool,
) -> Vec<Table> {
    let nothing = Table::default();
    let keys: BTreeSet<&GroupKey> = got.keys().chain(want.keys()).collect();
    let mut out = Vec::new();
    for key in keys {
        let (got, want) = (
            got.get(key).unwrap_or(&nothing),
            want.get(key).unwrap_or(&nothing),
        );
        // What the group key says is the same already.
        let labels: BTreeSet<&str> = got
            .columns
            .iter()
            .chain(&want.columns)
            .map(|column| &*column.label)
            .filter(|label| !key.has(label))
            .collect();
        let (mut signs, mut lines) = (Cells::new(Kind::String), Cells::new(Kind::String));
        for row in 0..got.rows().max(want.rows()) {
            let same = row < got.rows()
                && row < want.rows()
                && labels.iter().all(|label| {
                    let have = got.column(label).map(|column| column.cells.get(row));
                    let wanted = want.column(label).map(|column| column.cells.get(row));
                    equal(have, wanted, epsilon, nans_equal)
                });
            if same {
                continue;
            }
            for (sign, table) in [("-", want), ("+", got)] {
                if row < table.rows() {
                    signs.push(CellValue::string(sign));
                    lines.push(CellValue::string(&show(table, row)));
                }
            }
        }
        if !signs.is_empty() {
            out.push(Table {
                key: GroupKey::default(),
                columns: vec![Column::new("_diff", signs), Column::new("row", lines)],
            });
        }
    }
    out
}

fn show(table: &Table, row: usize) -> String {
    let mut parts: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("{}={:?}", column.label, column.cells.get(row)))
        .collect();
    parts.sort();
    let key: Vec<&str> = table
        .key
        .parts()
        .iter()
        .map(|(label, _)| &**label)
        .collect();
    format!("{} (key {})", parts.join(" "), key.join(","))
}

/// A column that only one table has is a difference.
fn equal(got: Option<CellValue>, want: Option<CellValue>, epsilon: f64, nans_equal: bool) -> bool {
    let (Some(got), Some(want)) = (got, want) else {
        return false;
    };
    match (got, want) {
        (CellValue::Float(a), CellValue::Float(b)) if a.is_nan() || b.is_nan() => {
            nans_equal && a.is_nan() && b.is_nan()
        }
        (CellValue::Float(a), CellValue::Float(b)) => a == b || (a - b).abs() <= epsilon,
        (a, b) => a == b,
    }
}

fn assert_equal_values(_: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let (got, want) = (call.required("got"), call.required("want"));
    if got.equals(&want) == Some(true) {
        return Ok(Value::Boolean(true));
    }
    Err(call.fault(format!("got {got:?}, wanted {want:?}")))
}

fn should_error(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let (Some(function), Some(Value::Regex(want))) = (call.function("fn"), call.value("want"))
    else {
        return Ok(Value::Null);
    };
    let span = call.span_of("fn");
    let failed = match evaluator.call_function(&function, Vec::new(), span) {
        Ok(Value::Stream(stream)) => collect(evaluator.ctx, stream.bounded()?).err(),
        Ok(_) => None,
        Err(Failure::Flux(error)) => Some(QueryError::Invalid(error.to_string())),
        Err(Failure::Query(error)) => Some(error),
    };
    match failed {
        Some(error @ (QueryError::Cancelled | QueryError::Timeout { .. })) => Err(error.into()),
        Some(error) if want.is_match(&error.to_string()) => Ok(Value::Boolean(true)),
        Some(error) => {
            let message = format!("shouldError: {error} does not match {want}");
            Err(FluxError::run(call.span, message).into())
        }
        None => Err(call.fault("shouldError expected an error")),
    }
}
