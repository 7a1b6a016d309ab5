//! `SELECT count(field) FROM measurement` with no more than a time range: the one question that is asked of
//! a million series at once, answered without looking at each.

use super::ast::{Call, Expr, Fill, Limits, MeasurementName, Select, Source};
use super::error::Result;
use super::fold::{Constants, TimeBounds};
use super::schema::{Defaults, bucket_for};
use crate::model::{TIME_MAX, TIME_MIN, TimeRange};
use crate::query::context::QueryContext;

/// The answer's only row.
pub struct Counted {
    pub measurement: String,
    pub column: String,
    pub time: i64,
    pub count: u64,
}

/// `None` when the statement is another one, or the engine has to look at each series.
pub fn count(
    ctx: &QueryContext,
    defaults: Defaults<'_>,
    select: &Select,
) -> Result<Option<Counted>> {
    let plain = select.into.is_none()
        && select.group_by.is_empty()
        && select.fill == Fill::Null
        && select.limits == Limits::default()
        && select.zone.is_none();
    let ([Source::Measurement(source)], [field]) =
        (select.sources.as_slice(), select.fields.as_slice())
    else {
        return Ok(None);
    };
    let (
        MeasurementName::Name(name),
        Expr::Call(Call {
            name: function,
            args,
            ..
        }),
    ) = (&source.name, &field.expr)
    else {
        return Ok(None);
    };
    let [Expr::Var(column)] = args.as_slice() else {
        return Ok(None);
    };
    if !plain || function != "count" || column.cast.is_some() {
        return Ok(None);
    }
    let constants = Constants {
        now_ns: ctx.now_ns,
        zone: None,
    };
    let bounds = match &select.condition {
        None => TimeBounds::default(),
        Some(condition) => match constants.split_condition(condition)? {
            (None, bounds) => bounds,
            (Some(_), _) => return Ok(None),
        },
    };
    let bucket = bucket_for(ctx, defaults, source)?;
    let start = bounds.min.unwrap_or(TIME_MIN);
    let end = bounds.max.unwrap_or(TIME_MAX);
    let range = TimeRange::new(start, end.saturating_add(1));
    ctx.check()?;
    let counted = ctx.source.count_all(bucket.id, name, &column.name, range)?;
    Ok(counted.map(|count| Counted {
        measurement: name.clone(),
        column: field.alias.clone().unwrap_or_else(|| "count".to_owned()),
        time: if start == TIME_MIN { 0 } else { start },
        count,
    }))
}
