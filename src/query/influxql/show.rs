//! SHOW statements.

use super::answer::{AnswerWriter, SeriesHead};
use super::ast::{
    Binary, BinaryOp, Cardinality, Expr, KeyMatch, Limits, MeasurementName, Show, ShowMeasurements,
    Source,
};
use super::error::{Result, StatementError};
use super::exec::{Bound, bind};
use super::fold::{Constants, TimeBounds};
use super::schema::{Defaults, LoadedMeasurement, Schema, bucket_of, database_policies, load};
use super::value::{DataType, Value};
use crate::engine::source::{SeriesInfo, SeriesPredicate, TextMatch};
use crate::line_protocol::lines::escaped;
use crate::query::context::{QueryContext, VisiblePolicy};
use std::collections::BTreeSet;
use std::sync::Arc;

pub struct Shower<'a> {
    pub ctx: &'a QueryContext,
    pub defaults: Defaults<'a>,
    pub out: &'a mut dyn AnswerWriter,
}

impl Shower<'_> {
    pub fn databases(&mut self) -> Result<()> {
        let names: BTreeSet<String> = self
            .ctx
            .lookup
            .policies()
            .into_iter()
            .map(|policy| policy.database)
            .collect();
        let rows = names.iter().map(|name| vec![Value::string(name)]);
        self.table("databases", &["name"], rows.collect(), true)
    }

    pub fn policies(&mut self, database: Option<&str>) -> Result<()> {
        const COLUMNS: [&str; 5] = [
            "name",
            "duration",
            "shardGroupDuration",
            "replicaN",
            "default",
        ];
        let policies = database_policies(self.ctx, database.or(self.defaults.database))?;
        let row = |policy: &VisiblePolicy| {
            vec![
                Value::string(&policy.policy),
                Value::string(&go_duration(policy.bucket.retention_ns)),
                Value::string(&go_duration(policy.bucket.shard_ns)),
                Value::Integer(1),
                Value::Boolean(policy.default),
            ]
        };
        self.table("", &COLUMNS, policies.iter().map(row).collect(), true)
    }

    pub fn measurements(&mut self, show: &ShowMeasurements) -> Result<()> {
        if show.any_database && !show.any_policy {
            let text = match &show.policy {
                None => {
                    "query 'SHOW MEASUREMENTS ON *' not supported. use 'ON *.*' or specify a database"
                }
                Some(_) => {
                    "query 'SHOW MEASUREMENTS ON *.rp' not supported. use 'ON *.*' or specify a database"
                }
            };
            return Err(StatementError::invalid(text));
        }
        self.no_time(show.condition.as_ref(), "SHOW MEASUREMENTS")?;
        let named = show.any_database || show.any_policy || show.policy.is_some();
        let mut rows = Vec::new();
        for policy in self.policies_shown(show)? {
            for measurement in self.measurements_of(&policy, show)? {
                let mut row = vec![Value::String(measurement)];
                if named {
                    row.push(Value::string(&policy.database));
                    row.push(Value::string(&policy.policy));
                }
                rows.push(row);
            }
        }
        if !named {
            // One database: each name once, whatever policies hold it.
            rows.sort_by(|a, b| compare_rows(a, b));
            rows.dedup();
        }
        let rows = limited(rows, show.limits);
        let columns: &[&str] = if named {
            &["name", "database", "retention policy"]
        } else {
            &["name"]
        };
        self.table("measurements", columns, rows, false)
    }

    fn policies_shown(&self, show: &ShowMeasurements) -> Result<Vec<VisiblePolicy>> {
        if show.any_database {
            return Ok(self.ctx.lookup.policies());
        }
        let database = show.database.as_deref().or(self.defaults.database);
        let mut policies = database_policies(self.ctx, database)?;
        if let Some(wanted) = &show.policy {
            policies.retain(|policy| policy.policy == *wanted);
            if policies.is_empty() {
                return Err(StatementError::invalid(format!(
                    "retention policy not found: {wanted}"
                )));
            }
        }
        Ok(policies)
    }

    /// Names of a policy's measurements that match, sorted.
    fn measurements_of(
        &self,
        policy: &VisiblePolicy,
        show: &ShowMeasurements,
    ) -> Result<Vec<Arc<str>>> {
        let predicate = match show.with.as_ref().map(|with| &with.name) {
            None | Some(MeasurementName::Same) => SeriesPredicate::All,
            Some(name) => SeriesPredicate::Measurement(text_match(name)),
        };
        let Some(condition) = &show.condition else {
            return self.names_of(policy, show);
        };
        let found = load(self.ctx, &policy.bucket, &predicate)?;
        Ok(found
            .iter()
            .filter(|measurement| measurement_matches(condition, measurement))
            .map(|measurement| Arc::clone(&measurement.name))
            .collect())
    }

    pub fn series(&mut self, show: &Show) -> Result<()> {
        let found = self.found(show, Missing::Empty)?;
        let mut rows = Vec::new();
        for measurement in &found {
            for series in measurement.series() {
                rows.push(vec![Value::string(&series_text(series))]);
            }
        }
        rows.sort_by(|a, b| compare_rows(a, b));
        rows.dedup();
        self.table("", &["key"], limited(rows, show.limits), false)
    }

    pub fn tag_keys(&mut self, show: &Show) -> Result<()> {
        let wanted = show.keys.as_ref();
        let found: Vec<(Arc<str>, Vec<Arc<str>>)> = if show.condition.is_none() {
            let named = self.named(show)?;
            named
                .into_iter()
                .map(|(name, named)| (name, named.tag_keys(wanted)))
                .collect()
        } else {
            let found = self.found(show, Missing::Empty)?;
            found
                .iter()
                .map(|found| (found.name(), found.tag_keys(wanted)))
                .collect()
        };
        let most = match show.limits.series_limit {
            0 => usize::MAX,
            most => most,
        };
        for (name, keys) in found.into_iter().skip(show.limits.series_offset).take(most) {
            let rows = keys
                .into_iter()
                .map(|key| vec![Value::String(key)])
                .collect();
            self.table(&name, &["tagKey"], limited(rows, show.limits), false)?;
        }
        Ok(())
    }

    pub fn tag_values(&mut self, show: &Show) -> Result<()> {
        let wanted = show.keys.as_ref();
        let mut found = Vec::new();
        if show.condition.is_none() {
            for (name, named) in self.named(show)? {
                let values = self.values_of(&name, &named, wanted)?;
                found.push((name, values));
            }
        } else {
            for measurement in self.found(show, Missing::Empty)? {
                found.push((measurement.name(), measurement.tag_values(wanted)));
            }
        }
        for (name, values) in found {
            let rows = values
                .into_iter()
                .map(|(key, value)| vec![Value::String(key), Value::String(value)])
                .collect();
            let rows = limited(rows, show.limits);
            self.table(&name, &["key", "value"], rows, false)?;
        }
        Ok(())
    }

    pub fn field_keys(&mut self, show: &Show) -> Result<()> {
        let found: Vec<(Arc<str>, Fields)> = if show.condition.is_none() {
            let named = self.named(show)?;
            named
                .into_iter()
                .map(|(name, named)| (name, named.schema().fields.clone().into_iter().collect()))
                .collect()
        } else {
            let found = self.found(show, Missing::Empty)?;
            found
                .iter()
                .map(|found| (found.name(), found.fields()))
                .collect()
        };
        for (name, fields) in found {
            let rows = fields
                .into_iter()
                .map(|(name, kind)| vec![Value::String(name), Value::string(kind.name())])
                .collect();
            let rows = limited(rows, show.limits);
            self.table(&name, &["fieldKey", "fieldType"], rows, false)?;
        }
        Ok(())
    }

    pub fn cardinality(&mut self, of: Cardinality, exact: bool, show: &Show) -> Result<()> {
        let statement = match of {
            Cardinality::Series => "SHOW SERIES EXACT CARDINALITY",
            Cardinality::Measurement => "SHOW MEASUREMENT EXACT CARDINALITY",
            Cardinality::TagKey => "SHOW TAG KEY EXACT CARDINALITY",
            Cardinality::TagValues => "SHOW TAG VALUES EXACT CARDINALITY",
            Cardinality::FieldKey => "SHOW FIELD KEY EXACT CARDINALITY",
        };
        self.no_time(show.condition.as_ref(), statement)?;
        if !show.group_by.is_empty() {
            return Err(StatementError::not_implemented(format!(
                "GROUP BY in {statement}"
            )));
        }
        let missing = match of {
            Cardinality::TagValues => Missing::Null,
            _ => Missing::Empty,
        };
        let qualified = exact || !show.sources.is_empty() || show.condition.is_some();
        let mut counts = Vec::new();
        if show.condition.is_none() {
            for (name, named) in self.named(show)? {
                let number = self.number_of(of, &name, &named, show.keys.as_ref())?;
                counts.push((name, number));
            }
        } else {
            counts.extend(self.found(show, missing)?.iter().map(|found| {
                let number = match of {
                    Cardinality::Series | Cardinality::Measurement => found.kept.len(),
                    Cardinality::TagKey => found.tag_keys(None).len(),
                    Cardinality::FieldKey => found.fields().len(),
                    Cardinality::TagValues => found.distinct_values(show.keys.as_ref()),
                };
                (found.name(), number)
            }));
        }
        let count = |n: usize| vec![vec![Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))]];
        match of {
            Cardinality::Measurement if counts.is_empty() && qualified => Ok(()),
            Cardinality::Measurement => self.table("", &["count"], count(counts.len()), false),
            Cardinality::Series if !qualified => {
                let total = counts.iter().map(|(_, number)| number).sum();
                self.table("", &["cardinality estimation"], count(total), false)
            }
            _ => {
                counts.retain(|(_, number)| *number > 0);
                for (name, number) in limited(counts, show.limits) {
                    self.table(&name, &["count"], count(number), false)?;
                }
                Ok(())
            }
        }
    }

    /// Only some SHOW statements may compare with `time`.
    fn no_time(&self, condition: Option<&Expr>, statement: &str) -> Result<()> {
        let Some(condition) = condition else {
            return Ok(());
        };
        let mut found = false;
        condition.walk(&mut |part| {
            found |= matches!(part, Expr::Var(var) if var.name.eq_ignore_ascii_case("time"));
        });
        if found {
            return Err(StatementError::invalid(format!(
                "{statement} doesn't support time in WHERE clause"
            )));
        }
        Ok(())
    }

    /// The measurements of a database whose series match FROM and WHERE.
    fn found(&self, show: &Show, missing: Missing) -> Result<Vec<Found>> {
        let constants = Constants {
            now_ns: self.ctx.now_ns,
            zone: None,
        };
        let (condition, bounds) = match &show.condition {
            Some(condition) => constants.split_condition(condition)?,
            None => (None, TimeBounds::default()),
        };
        let mut out: Vec<Found> = Vec::new();
        for measurement in self.stored(show)? {
            let kept = self.matching(&measurement, condition.as_ref(), bounds, missing)?;
            if kept.is_empty() {
                continue;
            }
            match out
                .iter_mut()
                .find(|found| found.parts.iter().any(|(m, _)| m.name == measurement.name))
            {
                Some(found) => {
                    found.kept.extend(&kept);
                    found.parts.push((measurement, kept));
                }
                None => out.push(Found {
                    kept: kept.clone(),
                    parts: vec![(measurement, kept)],
                }),
            }
        }
        out.sort_by_key(Found::name);
        Ok(out)
    }

    fn stored(&self, show: &Show) -> Result<Vec<LoadedMeasurement>> {
        let database = show.database.as_deref().or(self.defaults.database);
        let policies = database_policies(self.ctx, database)?;
        let mut out = Vec::new();
        if show.sources.is_empty() {
            for policy in &policies {
                out.extend(load(self.ctx, &policy.bucket, &SeriesPredicate::All)?);
            }
            return Ok(out);
        }
        for source in &show.sources {
            let Source::Measurement(measurement) = source else {
                continue;
            };
            let predicate = SeriesPredicate::Measurement(text_match(&measurement.name));
            let database = measurement.database.as_deref().or(database);
            if measurement.policy.is_some() || measurement.database.is_some() {
                let bucket = bucket_of(self.ctx, database, measurement.policy.as_deref())?;
                out.extend(load(self.ctx, &bucket, &predicate)?);
            } else {
                for policy in &policies {
                    out.extend(load(self.ctx, &policy.bucket, &predicate)?);
                }
            }
        }
        Ok(out)
    }

    /// Indices of the series that match.
    fn matching(
        &self,
        measurement: &LoadedMeasurement,
        condition: Option<&Expr>,
        bounds: TimeBounds,
        missing: Missing,
    ) -> Result<Vec<usize>> {
        let mut out = Vec::new();
        // Conditions of SHOW are on tags; whatever a name is, it is looked up as one.
        let schema = Schema::default();
        for (at, series) in measurement.series.iter().enumerate() {
            let (name, tags) = series.key.parts();
            let tag = |key: &str| match (key, tags.iter().find(|(have, _)| *have == key)) {
                ("_name", _) => Value::string(name),
                (_, Some((_, value))) => Value::string(value),
                (_, None) if missing == Missing::Empty => Value::string(""),
                (_, None) => Value::Null,
            };
            let kept = matches!(bind(condition, &schema, &tag, &|_| false), Bound::Always);
            if kept
                && (bounds == TimeBounds::default()
                    || self.has_points(measurement, series, bounds)?)
            {
                out.push(at);
            }
        }
        Ok(out)
    }

    fn has_points(
        &self,
        measurement: &LoadedMeasurement,
        series: &SeriesInfo,
        bounds: TimeBounds,
    ) -> Result<bool> {
        let start = bounds.min.unwrap_or(crate::model::TIME_MIN);
        let stop = bounds.max.map_or(i64::MAX, |max| max.saturating_add(1));
        if start >= stop {
            return Ok(false);
        }
        self.ctx.check()?;
        for field in &series.fields {
            let stats = self.ctx.source.window_stats(
                measurement.bucket,
                series.id,
                field,
                &[start, stop],
                crate::engine::source::StatsNeeded::default(),
            )?;
            if !stats.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One series of an answer; none at all if it would be empty and `show_empty` is not set.
    fn table(
        &mut self,
        name: &str,
        columns: &[&str],
        rows: Vec<Vec<Value>>,
        show_empty: bool,
    ) -> Result<()> {
        if rows.is_empty() && !show_empty {
            return Ok(());
        }
        let columns = Arc::new(columns.iter().map(|column| (*column).to_owned()).collect());
        self.out.series(SeriesHead {
            name: name.to_owned(),
            tags: Vec::new(),
            columns,
        })?;
        for row in rows {
            self.out.row(&row)?;
        }
        Ok(())
    }
}

type Fields = Vec<(Arc<str>, DataType)>;

/// What a tag that a series lacks compares as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Empty,
    Null,
}

/// A measurement, of one or several buckets, with the series that match.
struct Found {
    parts: Vec<(LoadedMeasurement, Vec<usize>)>,
    /// All matching series' indices, to be counted.
    kept: Vec<usize>,
}

impl Found {
    fn name(&self) -> Arc<str> {
        self.parts
            .first()
            .map_or_else(|| "".into(), |(first, _)| Arc::clone(&first.name))
    }

    fn series(&self) -> impl Iterator<Item = &SeriesInfo> {
        self.parts
            .iter()
            .flat_map(|(part, kept)| kept.iter().filter_map(|at| part.series.get(*at)))
    }

    fn tag_keys(&self, wanted: Option<&KeyMatch>) -> Vec<Arc<str>> {
        let mut keys: BTreeSet<Arc<str>> = BTreeSet::new();
        for series in self.series() {
            for (key, _) in series.key.parts().1 {
                if !keys.contains(key) && wanted.is_none_or(|wanted| key_matches(wanted, key)) {
                    keys.insert(key.into());
                }
            }
        }
        keys.into_iter().collect()
    }

    fn tag_values(&self, wanted: Option<&KeyMatch>) -> BTreeSet<(Arc<str>, Arc<str>)> {
        let mut out = BTreeSet::new();
        for series in self.series() {
            for (key, value) in series.key.parts().1 {
                if wanted.is_none_or(|wanted| key_matches(wanted, key)) {
                    out.insert((Arc::from(key), Arc::from(value)));
                }
            }
        }
        out
    }

    fn distinct_values(&self, wanted: Option<&KeyMatch>) -> usize {
        let values: BTreeSet<Arc<str>> = self
            .tag_values(wanted)
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        values.len()
    }

    fn fields(&self) -> Fields {
        let mut schema = Schema::default();
        for series in self.series() {
            for field in &series.fields {
                schema.add_field(&field.name, field.field_type.into());
            }
        }
        schema.fields.into_iter().collect()
    }
}

pub fn key_matches(wanted: &KeyMatch, key: &str) -> bool {
    match wanted {
        KeyMatch::Equal(name) => name == key,
        KeyMatch::NotEqual(name) => name != key,
        KeyMatch::In(names) => names.iter().any(|name| name == key),
        KeyMatch::Regex(regex) => regex.regex.is_match(key),
        KeyMatch::NotRegex(regex) => !regex.regex.is_match(key),
    }
}

pub fn text_match(name: &MeasurementName) -> TextMatch {
    match name {
        MeasurementName::Name(name) => TextMatch::Equal(name.as_str().into()),
        MeasurementName::Regex(regex) => TextMatch::Regex(regex.regex.clone()),
        MeasurementName::Same => TextMatch::Equal("".into()),
    }
}

/// A condition on a whole measurement: `=` holds if any series has the value, `!=` if it has the tag
/// and no series has the value.
fn measurement_matches(condition: &Expr, measurement: &LoadedMeasurement) -> bool {
    match condition {
        Expr::Paren(inner) => measurement_matches(inner, measurement),
        Expr::Binary(parts) => match parts.op {
            BinaryOp::And => {
                measurement_matches(&parts.left, measurement)
                    && measurement_matches(&parts.right, measurement)
            }
            BinaryOp::Or => {
                measurement_matches(&parts.left, measurement)
                    || measurement_matches(&parts.right, measurement)
            }
            _ => tag_comparison(parts, measurement),
        },
        _ => false,
    }
}

fn tag_comparison(parts: &Binary, measurement: &LoadedMeasurement) -> bool {
    let Expr::Var(var) = &parts.left else {
        return false;
    };
    let positive = matches!(parts.op, BinaryOp::Eq | BinaryOp::Match);
    let matches = |value: &str| match &parts.right {
        Expr::String(text) => text == value,
        Expr::Regex(regex) => regex.regex.is_match(value),
        _ => false,
    };
    if var.name == "_name" {
        return matches(&measurement.name) == positive;
    }
    if !measurement.schema.tags.contains(var.name.as_str()) {
        return false;
    }
    let any = measurement.series.iter().any(|series| {
        let (_, tags) = series.key.parts();
        tags.iter()
            .any(|(key, value)| *key == var.name && matches(value))
    });
    any == positive
}

fn limited<T>(rows: Vec<T>, limits: Limits) -> Vec<T> {
    let most = if limits.limit == 0 {
        usize::MAX
    } else {
        limits.limit
    };
    rows.into_iter().skip(limits.offset).take(most).collect()
}

fn compare_rows(a: &[Value], b: &[Value]) -> std::cmp::Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.compare(b))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

/// A series key as line protocol writes it.
fn series_text(series: &SeriesInfo) -> String {
    let (name, tags) = series.key.parts();
    let mut out = escaped(name, &[',', ' ']);
    for (key, value) in tags {
        out.push(',');
        out.push_str(&escaped(key, &[',', ' ', '=']));
        out.push('=');
        out.push_str(&escaped(value, &[',', ' ', '=']));
    }
    out
}

/// A duration as Go prints it: `168h0m0s`.
fn go_duration(ns: i64) -> String {
    let seconds = ns / 1_000_000_000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_look_as_in_go() {
        assert_eq!(go_duration(0), "0s");
        assert_eq!(go_duration(168 * 3_600_000_000_000), "168h0m0s");
        assert_eq!(go_duration(90_000_000_000), "1m30s");
    }
}
