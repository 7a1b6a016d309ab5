//! Which fields and tags a measurement has, and which measurements a FROM clause means.

use super::ast::{Measurement, MeasurementName};
use super::error::{Result, StatementError};
use super::value::DataType;
use crate::engine::source::{MeasurementSchema, SeriesInfo, SeriesPredicate, TextMatch};
use crate::model::{BucketId, TimeRange};
use crate::query::context::{QueryContext, VisibleBucket, VisiblePolicy};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names and types of what a statement can select from.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    pub fields: BTreeMap<Arc<str>, DataType>,
    pub tags: BTreeSet<Arc<str>>,
}

impl Schema {
    pub fn add_field(&mut self, name: &Arc<str>, data_type: DataType) {
        match self.fields.get_mut(name) {
            Some(known) => *known = known.wider(data_type),
            None => {
                self.fields.insert(Arc::clone(name), data_type);
            }
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (name, data_type) in &other.fields {
            self.add_field(name, *data_type);
        }
        self.tags.extend(other.tags.iter().cloned());
    }

    /// What a name without a cast means: a field before a tag.
    pub fn type_of(&self, name: &str) -> DataType {
        match self.fields.get(name) {
            Some(known) => *known,
            None if self.tags.contains(name) => DataType::Tag,
            None => DataType::Unknown,
        }
    }
}

/// One measurement of one bucket.
#[derive(Debug, Clone)]
pub struct StoredMeasurement {
    pub bucket: BucketId,
    /// Length of the bucket's shards, nanoseconds.
    pub shard_ns: i64,
    pub name: Arc<str>,
    pub schema: Arc<Schema>,
}

/// One measurement of one bucket with its series.
#[derive(Debug)]
pub struct LoadedMeasurement {
    pub bucket: BucketId,
    pub name: Arc<str>,
    pub schema: Schema,
    pub series: Vec<SeriesInfo>,
}

/// Database and policy that a statement means when it names none.
#[derive(Debug, Clone, Copy)]
pub struct Defaults<'a> {
    pub database: Option<&'a str>,
    pub policy: Option<&'a str>,
}

/// The policies of a database, or InfluxDB's error.
pub fn database_policies(ctx: &QueryContext, database: Option<&str>) -> Result<Vec<VisiblePolicy>> {
    let Some(database) = database.filter(|name| !name.is_empty()) else {
        return Err(StatementError::invalid("database name required"));
    };
    let policies: Vec<VisiblePolicy> = ctx
        .lookup
        .policies()
        .into_iter()
        .filter(|policy| policy.database == database)
        .collect();
    if policies.is_empty() {
        return Err(StatementError::invalid(format!(
            "database not found: {database}"
        )));
    }
    Ok(policies)
}

/// The bucket of a database and policy, by default of the default policy.
pub fn bucket_of(
    ctx: &QueryContext,
    database: Option<&str>,
    policy: Option<&str>,
) -> Result<VisibleBucket> {
    let policies = database_policies(ctx, database)?;
    let found = match policy.filter(|name| !name.is_empty()) {
        Some(name) => policies.iter().find(|policy| policy.policy == name),
        None => policies
            .iter()
            .find(|policy| policy.default)
            .or(match policies.as_slice() {
                [only] => Some(only),
                _ => None,
            }),
    };
    match (found, policy) {
        (Some(found), _) => Ok(found.bucket.clone()),
        (None, Some(name)) => Err(StatementError::invalid(format!(
            "retention policy not found: {name}"
        ))),
        (None, None) => Err(StatementError::invalid(format!(
            "default retention policy not set for: {}",
            database.unwrap_or_default()
        ))),
    }
}

/// The bucket that a FROM clause means.
pub fn bucket_for(
    ctx: &QueryContext,
    defaults: Defaults<'_>,
    source: &Measurement,
) -> Result<VisibleBucket> {
    let database = source.database.as_deref().or(defaults.database);
    // The request's policy belongs to the request's database.
    let default_policy = if source.database.is_some() {
        None
    } else {
        defaults.policy
    };
    bucket_of(ctx, database, source.policy.as_deref().or(default_policy))
}

/// The measurements that one name or regular expression of a FROM clause stands for.
pub fn measurements(
    ctx: &QueryContext,
    defaults: Defaults<'_>,
    source: &Measurement,
) -> Result<Vec<StoredMeasurement>> {
    let bucket = bucket_for(ctx, defaults, source)?;
    let wanted = match &source.name {
        MeasurementName::Name(name) => TextMatch::Equal(name.as_str().into()),
        MeasurementName::Regex(regex) => TextMatch::Regex(regex.regex.clone()),
        MeasurementName::Same => return Err(StatementError::invalid("invalid measurement")),
    };
    ctx.check()?;
    let found = ctx.source.schemas(bucket.id, &wanted)?;
    let stored = |found: &Arc<MeasurementSchema>| {
        let mut schema = Schema::default();
        for (name, field_type) in &found.fields {
            schema.add_field(name, (*field_type).into());
        }
        schema.tags.clone_from(&found.tag_keys);
        StoredMeasurement {
            bucket: bucket.id,
            shard_ns: bucket.shard_ns,
            name: Arc::clone(&found.name),
            schema: Arc::new(schema),
        }
    };
    Ok(found.iter().map(stored).collect())
}

/// All measurements with series that match, and these series.
pub fn load(
    ctx: &QueryContext,
    bucket: &VisibleBucket,
    predicate: &SeriesPredicate,
) -> Result<Vec<LoadedMeasurement>> {
    ctx.check()?;
    let series = ctx.source.select(bucket.id, predicate, TimeRange::ALL)?;
    let mut out = Vec::new();
    let mut rest = series.into_iter().peekable();
    while let Some(first) = rest.next() {
        let name: Arc<str> = first.key.measurement().into();
        let mut members = vec![first];
        while let Some(next) = rest.next_if(|next| next.key.measurement() == &*name) {
            members.push(next);
        }
        out.push(LoadedMeasurement {
            bucket: bucket.id,
            name,
            schema: schema_of(&members),
            series: members,
        });
    }
    Ok(out)
}

fn schema_of(series: &[SeriesInfo]) -> Schema {
    let mut schema = Schema::default();
    for member in series {
        for field in &member.fields {
            schema.add_field(&field.name, field.field_type.into());
        }
        for (key, _) in member.key.parts().1 {
            if !schema.tags.contains(key) {
                schema.tags.insert(key.into());
            }
        }
    }
    schema
}
