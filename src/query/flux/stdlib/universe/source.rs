//! Where streams begin and end: `from`, `range`, `buckets`, `yield`; and the time of the query.

use super::columns::tables;
use super::transformation;
use crate::engine::source::SeriesPredicate;
use crate::model::TimeRange;
use crate::query::context::{QueryContext, QueryError, VisibleBucket};
use crate::query::exec::operation::Regroup;
use crate::query::flux::error::{Failure, FluxError};
use crate::query::flux::eval::{Evaluator, Yield};
use crate::query::flux::stdlib::{Accepts, Builtin, Call, Parameter};
use crate::query::flux::stream::{Stream, StreamKind};
use crate::query::flux::time;
use crate::query::flux::value::Value;
use crate::query::plan::{self, Duration, Node, Scan};
use crate::query::table::{self, Cells, Column, GroupKey, Kind, Table};
use std::sync::Arc;

pub static FROM: Builtin = Builtin {
    name: "from",
    parameters: &[
        Parameter::optional("bucket", Accepts::String),
        Parameter::optional("bucketID", Accepts::String),
        Parameter::optional("org", Accepts::String),
        Parameter::optional("orgID", Accepts::String),
        Parameter::optional("host", Accepts::String),
        Parameter::optional("token", Accepts::String),
    ],
    run: from,
};

pub static BUCKETS: Builtin = Builtin {
    name: "buckets",
    parameters: &[
        Parameter::optional("org", Accepts::String),
        Parameter::optional("orgID", Accepts::String),
        Parameter::optional("host", Accepts::String),
        Parameter::optional("token", Accepts::String),
    ],
    run: buckets,
};

pub static NOW: Builtin = Builtin {
    name: "now",
    parameters: &[],
    run: now,
};
pub static TODAY: Builtin = Builtin {
    name: "today",
    parameters: &[],
    run: today,
};

transformation!(
    RANGE,
    "range",
    range,
    [
        Parameter::required("start", Accepts::Moment),
        Parameter::optional("stop", Accepts::Moment),
    ]
);
transformation!(
    YIELD,
    "yield",
    yield_stream,
    [Parameter::optional("name", Accepts::String)]
);

/// Other servers can't be asked.
pub fn only_here(call: &Call) -> Result<(), Failure> {
    match ["host", "token"].into_iter().find(|name| call.has(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("parameter {name} of {} is not supported", call.function);
            Err(FluxError::check(call.span_of(name), message).into())
        }
    }
}

pub fn from(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    only_here(call)?;
    let bucket = find_bucket(evaluator, call)?;
    let kind = StreamKind::Unbounded {
        bucket: bucket.id,
        name: bucket.name,
        span: call.span,
    };
    Ok(Value::Stream(Stream::new(kind)))
}

/// The bucket that the call names by `bucket` or `bucketID`.
pub fn find_bucket(evaluator: &Evaluator<'_>, call: &Call) -> Result<VisibleBucket, Failure> {
    let (wanted, by_id) = match (call.string("bucket"), call.string("bucketID")) {
        (Some(name), None) => (name, false),
        (None, Some(id)) => (id, true),
        (Some(_), Some(_)) => {
            return Err(call.fault("only one of bucket and bucketID can be given"));
        }
        (None, None) => return Err(call.fault("must specify bucket or bucketID")),
    };
    let org = call.string("orgID");
    let in_org = |bucket: &VisibleBucket| {
        org.as_ref()
            .is_none_or(|org| bucket.org.to_string() == org.as_ref())
    };
    let found = evaluator.ctx.lookup.buckets().into_iter().find(|bucket| {
        let matches = match by_id {
            true => bucket.id.to_string() == wanted.as_ref(),
            false => bucket.name == wanted.as_ref(),
        };
        matches && in_org(bucket)
    });
    found.ok_or_else(|| {
        QueryError::NotFound(format!(
            "failed to initialize execute state: could not find bucket {wanted:?}"
        ))
        .into()
    })
}

/// A scan of all series in a bucket that the call names.
pub fn bounded_scan(
    evaluator: &Evaluator<'_>,
    call: &Call,
    range: TimeRange,
) -> Result<Scan, Failure> {
    let bucket = find_bucket(evaluator, call)?.id;
    Ok(Scan {
        bucket,
        range,
        predicate: SeriesPredicate::All,
    })
}

/// `start` and `stop` of the call as absolute times. Without `start`, it is so long before now.
pub fn range_bounds(
    evaluator: &Evaluator<'_>,
    call: &Call,
    default_start: Duration,
) -> Result<TimeRange, Failure> {
    let now = evaluator.now();
    let start = match call.value("start") {
        Some(value) => moment(value, now),
        None => default_start.add_to(now),
    };
    let stop = call
        .value("stop")
        .map_or(Some(now), |value| moment(value, now));
    let beyond = |name: &str| call.fault(format!("{name} is out of the range of times"));
    let range = TimeRange::new(
        start.ok_or_else(|| beyond("start"))?,
        stop.ok_or_else(|| beyond("stop"))?,
    );
    if range.is_empty() {
        return Err(call.fault("cannot query an empty range"));
    }
    Ok(range)
}

/// Integers are seconds since the epoch.
fn moment(value: &Value, now: i64) -> Option<i64> {
    match value {
        Value::Time(time) => Some(*time),
        Value::Duration(duration) => duration.add_to(now),
        Value::Integer(seconds) => seconds.checked_mul(1_000_000_000),
        _ => None,
    }
}

fn range(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let range = range_bounds(evaluator, call, Duration::default())?;
    let Some(Value::Stream(stream)) = call.value("tables") else {
        return Err(call.fault("no tables were given"));
    };
    // A second range narrows the first.
    let range = stream.bounds.map_or(range, |have| have.intersect(range));
    let mut made = match &stream.kind {
        StreamKind::Unbounded { bucket, .. } => {
            let predicate = SeriesPredicate::All;
            tables(Node::Scan(Scan {
                bucket: *bucket,
                range,
                predicate,
            }))
        }
        StreamKind::Tables(node) => narrowed(node, range),
    };
    if let Value::Stream(stream) = &mut made {
        stream.bounds = Some(range);
    }
    Ok(made)
}

/// A second range: fewer rows, and bounds that say so.
pub fn narrowed(input: &plan::Stream, range: TimeRange) -> Value {
    if let Node::Scan(scan) = &**input {
        let range = scan.range.intersect(range);
        return tables(Node::Scan(Scan {
            range,
            ..scan.clone()
        }));
    }
    let change = move |ctx: &QueryContext, table: Table| bounded(ctx, &table, range);
    let operation = Regroup {
        name: "range",
        change,
    };
    super::super::tables::apply(vec![Arc::clone(input)], operation)
}

/// Rows within the range; its bounds become part of the group key.
fn bounded(ctx: &QueryContext, table: &Table, range: TimeRange) -> Result<Vec<Table>, QueryError> {
    let Some(times) = table.column("_time") else {
        return Err(QueryError::Invalid(
            "range: no column \"_time\" exists".to_owned(),
        ));
    };
    ctx.check()?;
    let (start, stop) = (range.start, range.stop);
    let within = |row: &usize| match times.cells.get(*row) {
        table::Value::Time(time) => start <= time && time < stop,
        _ => false,
    };
    let rows: Vec<usize> = (0..table.rows()).filter(within).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut out = table.take(&rows);
    for (label, time) in [("_start", start), ("_stop", stop)] {
        let value = table::Value::Time(time);
        out.key = out.key.with(label, value.clone());
        let column = Column::constant(label, value, rows.len());
        match out.position(label).and_then(|at| out.columns.get_mut(at)) {
            Some(have) => *have = column,
            None => out.columns.push(column),
        }
    }
    Ok(vec![out])
}

fn now(evaluator: &mut Evaluator<'_>, _: &Call) -> Result<Value, Failure> {
    Ok(Value::Time(evaluator.now()))
}

fn today(evaluator: &mut Evaluator<'_>, _: &Call) -> Result<Value, Failure> {
    const DAY: Duration = Duration::nanoseconds(86_400_000_000_000);
    let now = evaluator.now();
    Ok(Value::Time(time::truncate(now, DAY).unwrap_or(now)))
}

/// One table of the buckets that the asker may read.
pub fn buckets(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    only_here(call)?;
    let mut buckets = evaluator.ctx.lookup.buckets();
    buckets.sort_by(|a, b| (a.org, &a.name).cmp(&(b.org, &b.name)));
    let text = |cells: &mut Cells, text: String| cells.push(table::Value::string(&text));
    let mut out = Vec::new();
    for group in buckets.chunk_by(|a, b| a.org == b.org) {
        let Some(org) = group.first().map(|bucket| bucket.org) else {
            continue;
        };
        let org = table::Value::string(&org.to_string());
        let [mut names, mut ids] = [Cells::new(Kind::String), Cells::new(Kind::String)];
        let mut periods = Cells::new(Kind::Integer);
        for bucket in group {
            text(&mut names, bucket.name.clone());
            text(&mut ids, bucket.id.to_string());
            periods.push(table::Value::Integer(bucket.retention_ns));
        }
        let rows = group.len();
        out.push(Table {
            key: GroupKey::new(vec![("organizationID".into(), org.clone())]),
            columns: vec![
                Column::new("name", names),
                Column::new("id", ids),
                Column::constant("organizationID", org, rows),
                Column::constant("retentionPolicy", table::Value::string(""), rows),
                Column::new("retentionPeriod", periods),
            ],
        });
    }
    Ok(tables(Node::Literal(out)))
}

fn yield_stream(evaluator: &mut Evaluator<'_>, call: &Call) -> Result<Value, Failure> {
    let stream = call.tables()?;
    let name = call.string_or("name", "_result");
    let node = Arc::clone(&stream);
    evaluator.add_yield(Yield {
        name,
        stream: node,
        span: call.span,
        explicit: true,
    })?;
    Ok(Value::Stream(Stream {
        yielded: true,
        ..Stream::tables(stream)
    }))
}
