//! The groups of a plan: by measurement name, then by the values of the GROUP BY tags.

use super::super::error::Result;
use super::super::plan::{ColumnRef, Plan, PlanSource};
use super::super::predicate::necessary;
use super::super::schema::StoredMeasurement;
use super::super::value::Value;
use super::collect;
use super::filter::{Bound, bind};
use super::member::{DerivedSeries, Extent, Member, StoredMember};
use crate::engine::source::{Edge, End, SeriesPredicate, TextMatch};
use crate::model::TimeRange;
use crate::query::context::QueryContext;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug)]
pub struct Group {
    pub name: Arc<str>,
    pub tags: Vec<(Arc<str>, Arc<str>)>,
    pub members: Vec<Member>,
    /// Length of the shards that the points lie in, nanoseconds.
    pub shard_ns: i64,
}

type Key = (Arc<str>, Vec<Arc<str>>);

/// All groups in the order of the answer.
pub fn groups(ctx: &QueryContext, plan: &Plan) -> Result<Vec<Group>> {
    let mut all: BTreeMap<Key, Vec<Member>> = BTreeMap::new();
    let mut shard_ns = i64::MAX;
    for source in &plan.sources {
        match source {
            PlanSource::Stored(measurement) => {
                shard_ns = shard_ns.min(measurement.shard_ns);
                let found = stored(ctx, plan, measurement)?;
                for (key, members) in found {
                    all.entry(key).or_default().extend(members);
                }
            }
            PlanSource::Subquery(inner) => derived(ctx, plan, inner, &mut all)?,
        }
    }
    let mut out: Vec<Group> = all
        .into_iter()
        .map(|((name, values), members)| Group {
            name,
            tags: plan.dimensions.iter().cloned().zip(values).collect(),
            members,
            shard_ns,
        })
        .collect();
    if plan.options.descending {
        // Everything is in descending order, series at one time too.
        out.reverse();
        out.iter_mut().for_each(|group| group.members.reverse());
    }
    Ok(out)
}

/// The groups of one measurement, as many as SLIMIT and SOFFSET let through.
fn stored(
    ctx: &QueryContext,
    plan: &Plan,
    measurement: &StoredMeasurement,
) -> Result<Vec<(Key, Vec<Member>)>> {
    let own = SeriesPredicate::Measurement(TextMatch::Equal((&*measurement.name).into()));
    let filter = plan.filter.as_ref();
    let by_tags = filter.and_then(|filter| necessary(filter, &plan.schema));
    let predicate = SeriesPredicate::And([own].into_iter().chain(by_tags).collect());
    let found = ctx
        .source
        .select(measurement.bucket, &predicate, TimeRange::ALL)?;
    let found = Arc::new(found);
    let mut all: BTreeMap<Key, Vec<Member>> = BTreeMap::new();
    for (at, series) in found.iter().enumerate() {
        if at % 1024 == 0 {
            ctx.check()?;
        }
        let (_, tags) = series.key.parts();
        let tag = |name: &str| {
            tags.iter()
                .find(|(key, _)| *key == name)
                .map_or("", |(_, v)| v)
        };
        let bound = bind(
            plan.filter.as_ref(),
            &plan.schema,
            &|name| Value::string(tag(name)),
            &|name| series.fields.iter().any(|field| &*field.name == name),
        );
        let filter = match bound {
            Bound::Never => continue,
            Bound::Always => None,
            Bound::Some(filter) => Some(Arc::new(filter)),
        };
        let values = plan
            .dimensions
            .iter()
            .map(|name| tag(name).into())
            .collect();
        let member = StoredMember {
            bucket: measurement.bucket,
            all: Arc::clone(&found),
            at,
            filter,
        };
        all.entry((Arc::clone(&measurement.name), values))
            .or_default()
            .push(Member::Stored(member));
    }
    Ok(limit_series(plan, all))
}

/// Keeps the groups that SLIMIT and SOFFSET let through.
fn limit_series(plan: &Plan, all: BTreeMap<Key, Vec<Member>>) -> Vec<(Key, Vec<Member>)> {
    let limits = plan.options.limits;
    let mut all: Vec<(Key, Vec<Member>)> = all.into_iter().collect();
    if limits.series_limit == 0 && limits.series_offset == 0 {
        return all;
    }
    all.sort_by_cached_key(|((_, values), _)| counted_as(plan, values));
    let most = if limits.series_limit == 0 {
        usize::MAX
    } else {
        limits.series_limit
    };
    let mut counted = 0;
    let mut last = None;
    all.retain(|((_, values), _)| {
        let key = counted_as(plan, values);
        if last.as_ref() != Some(&key) {
            counted += 1;
            last = Some(key);
        }
        counted > limits.series_offset && counted - limits.series_offset <= most
    });
    all
}

/// The series as SLIMIT counts them. InfluxDB has an order of its own: by the names of the tags that are
/// there, then by their values.
fn counted_as(plan: &Plan, values: &[Arc<str>]) -> String {
    let there = || {
        plan.dimensions
            .iter()
            .zip(values)
            .filter(|(name, value)| !value.is_empty() && plan.limit_dimensions.contains(name))
    };
    let mut text: Vec<Arc<str>> = there().map(|(name, _)| Arc::clone(name)).collect();
    text.extend(there().map(|(_, value)| Arc::clone(value)));
    text.join("|")
}

/// Runs a subquery and sorts its series, filtered, into groups.
fn derived(
    ctx: &QueryContext,
    plan: &Plan,
    inner: &Plan,
    all: &mut BTreeMap<Key, Vec<Member>>,
) -> Result<()> {
    for mut series in collect(ctx, inner)? {
        if !filter_derived(plan, &mut series) {
            continue;
        }
        let values = plan
            .dimensions
            .iter()
            .map(|name| series.tag(name).cloned().unwrap_or_else(|| "".into()))
            .collect();
        all.entry((Arc::clone(&series.name), values))
            .or_default()
            .push(Member::Derived(Arc::new(series)));
    }
    Ok(())
}

/// Drops the rows that fail the outer condition. `false`: none can pass.
fn filter_derived(plan: &Plan, series: &mut DerivedSeries) -> bool {
    let bound = bind(
        plan.filter.as_ref(),
        &plan.schema,
        // What is no column is taken for a tag, and an absent tag for an empty one.
        &|name| {
            let tag = series.tag(name).cloned();
            Value::String(tag.unwrap_or_else(|| "".into()))
        },
        &|name| series.has_column(name),
    );
    match bound {
        Bound::Never => return false,
        Bound::Always => {}
        Bound::Some(filter) => series.retain(&|series, row| {
            let values: Vec<Value> = filter
                .columns
                .iter()
                .map(|column| series.value(&column.name, row).cast(column.data_type))
                .collect();
            filter.passes(&values)
        }),
    }
    !series.times.is_empty()
}

impl Group {
    /// Extent of all members' points of a column, or, if `column` is none, of any field.
    pub fn extent(
        &self,
        ctx: &QueryContext,
        columns: &[ColumnRef],
        range: TimeRange,
    ) -> Result<Option<Extent>> {
        let mut all: Option<Extent> = None;
        for member in &self.members {
            for column in columns.iter().filter(|column| column.data_type.is_field()) {
                if let Some(extent) = member.extent(ctx, &column.name, range)? {
                    all = Some(all.map_or(extent, |all| all.merge(extent)));
                    break;
                }
            }
        }
        Ok(all)
    }

    /// Where the newest or oldest points of all members are about, and how close together those of one.
    /// `None` also when a member can't tell.
    pub fn edge(
        &self,
        ctx: &QueryContext,
        columns: &[ColumnRef],
        range: TimeRange,
        which: End,
    ) -> Result<Option<Edge>> {
        let mut all: Option<Edge> = None;
        for member in &self.members {
            let Member::Stored(stored) = member else {
                return Ok(None);
            };
            for column in columns.iter().filter(|column| column.data_type.is_field()) {
                let Some(field) = stored.field(&column.name) else {
                    continue;
                };
                let Some(edge) = stored.edge(ctx, field, range, which)? else {
                    continue;
                };
                all = Some(all.map_or(edge, |all| Edge {
                    time: match which {
                        End::First => all.time.min(edge.time),
                        End::Last => all.time.max(edge.time),
                    },
                    spacing_ns: all.spacing_ns.min(edge.spacing_ns),
                }));
                break;
            }
        }
        Ok(all)
    }
}
