//! Which names exist in a scan, from its series.

use super::Tables;
use crate::engine::source::{End, FieldInfo, SeriesInfo};
use crate::query::context::{QueryContext, QueryError};
use crate::query::plan::{Names, Scan};
use crate::query::table::{Cells, Column, GroupKey, Table};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Series after which the deadline is looked at again.
const CHECK_SERIES: usize = 64;

/// Which names of a kind exist among the series that have points in the range.
pub fn names<'a>(
    ctx: &'a QueryContext,
    scan: &Scan,
    names: &Names,
) -> Result<Tables<'a>, QueryError> {
    let series = ctx
        .source
        .select(scan.bucket, &scan.predicate, scan.range)?;
    let mut found: BTreeSet<String> = BTreeSet::new();
    for (number, series) in series.iter().enumerate() {
        if number % CHECK_SERIES == 0 {
            ctx.check()?;
        }
        add_names(ctx, scan, series, names, &mut found)?;
    }
    if *names == Names::TagKeys && !found.is_empty() {
        found.extend(["_start", "_stop", "_field", "_measurement"].map(str::to_owned));
    }
    let cells = found
        .iter()
        .map(|name| Some(Arc::from(name.as_str())))
        .collect();
    let columns = vec![Column::new("_value", Cells::String(cells))];
    Ok(Box::new(std::iter::once(Ok(Table {
        key: GroupKey::default(),
        columns,
    }))))
}

fn add_names(
    ctx: &QueryContext,
    scan: &Scan,
    series: &SeriesInfo,
    names: &Names,
    found: &mut BTreeSet<String>,
) -> Result<(), QueryError> {
    let (measurement, tags) = series.key.parts();
    let new: Vec<String> = match names {
        Names::Measurements => vec![measurement.to_owned()],
        Names::TagKeys => tags.iter().map(|(key, _)| (*key).to_owned()).collect(),
        Names::TagValues(wanted) if wanted == "_measurement" => vec![measurement.to_owned()],
        Names::TagValues(wanted) if wanted != "_field" => {
            let values = tags.iter().filter(|(key, _)| key == wanted);
            values.map(|(_, value)| (*value).to_owned()).collect()
        }
        Names::TagValues(_) | Names::FieldKeys => {
            for field in &series.fields {
                if !found.contains(&*field.name) && has_points(ctx, scan, series, field)? {
                    found.insert(field.name.to_string());
                }
            }
            return Ok(());
        }
    };
    if new.iter().all(|name| found.contains(name)) {
        return Ok(());
    }
    for field in &series.fields {
        if has_points(ctx, scan, series, field)? {
            found.extend(new);
            break;
        }
    }
    Ok(())
}

fn has_points(
    ctx: &QueryContext,
    scan: &Scan,
    series: &SeriesInfo,
    field: &FieldInfo,
) -> Result<bool, QueryError> {
    let found = ctx
        .source
        .end(scan.bucket, series.id, field, scan.range, End::Last)?;
    Ok(found.is_some())
}
