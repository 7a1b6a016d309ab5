//! SHOW statements without WHERE: answered from what measurements have and from the index, without their
//! series.

use super::ast::{Cardinality, KeyMatch, Show, ShowMeasurements, Source};
use super::error::Result;
use super::schema::{Schema, bucket_of, database_policies};
use super::show::{Shower, key_matches, text_match};
use crate::engine::source::{MeasurementSchema, TextMatch};
use crate::model::BucketId;
use crate::query::context::VisiblePolicy;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A measurement of one or several buckets.
#[derive(Default)]
pub struct Named {
    buckets: Vec<BucketId>,
    schema: Schema,
}

impl Named {
    fn add(&mut self, bucket: BucketId, found: &MeasurementSchema) {
        if !self.buckets.contains(&bucket) {
            self.buckets.push(bucket);
        }
        for (name, field_type) in &found.fields {
            self.schema.add_field(name, (*field_type).into());
        }
        self.schema.tags.extend(found.tag_keys.iter().cloned());
    }

    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    pub fn tag_keys(&self, wanted: Option<&KeyMatch>) -> Vec<Arc<str>> {
        let keys = self.schema.tags.iter();
        keys.filter(|key| wanted.is_none_or(|wanted| key_matches(wanted, key)))
            .cloned()
            .collect()
    }
}

impl Shower<'_> {
    /// The measurements that FROM means, by name.
    pub fn named(&self, show: &Show) -> Result<BTreeMap<Arc<str>, Named>> {
        let database = show.database.as_deref().or(self.defaults.database);
        let policies = database_policies(self.ctx, database)?;
        let mut out = BTreeMap::new();
        if show.sources.is_empty() {
            let all = TextMatch::NotEqual("".into());
            self.add_named(
                policies.iter().map(|policy| policy.bucket.id),
                &all,
                &mut out,
            )?;
            return Ok(out);
        }
        for source in &show.sources {
            let Source::Measurement(measurement) = source else {
                continue;
            };
            let wanted = text_match(&measurement.name);
            let database = measurement.database.as_deref().or(database);
            if measurement.policy.is_some() || measurement.database.is_some() {
                let bucket = bucket_of(self.ctx, database, measurement.policy.as_deref())?;
                self.add_named(std::iter::once(bucket.id), &wanted, &mut out)?;
            } else {
                let buckets = policies.iter().map(|policy| policy.bucket.id);
                self.add_named(buckets, &wanted, &mut out)?;
            }
        }
        Ok(out)
    }

    fn add_named(
        &self,
        buckets: impl Iterator<Item = BucketId>,
        wanted: &TextMatch,
        out: &mut BTreeMap<Arc<str>, Named>,
    ) -> Result<()> {
        for bucket in buckets {
            self.ctx.check()?;
            for found in self.ctx.source.schemas(bucket, wanted)? {
                let named = out.entry(Arc::clone(&found.name)).or_default();
                named.add(bucket, &found);
            }
        }
        Ok(())
    }

    /// Names of a policy's measurements, sorted.
    pub fn names_of(
        &self,
        policy: &VisiblePolicy,
        show: &ShowMeasurements,
    ) -> Result<Vec<Arc<str>>> {
        let wanted = match &show.with {
            Some(with) => text_match(&with.name),
            None => TextMatch::NotEqual("".into()),
        };
        let found = self.ctx.source.schemas(policy.bucket.id, &wanted)?;
        Ok(found.iter().map(|found| Arc::clone(&found.name)).collect())
    }

    /// Keys and values of the tags that are wanted, sorted.
    pub fn values_of(
        &self,
        name: &Arc<str>,
        named: &Named,
        wanted: Option<&KeyMatch>,
    ) -> Result<BTreeSet<(Arc<str>, Arc<str>)>> {
        let mut out = BTreeSet::new();
        for key in named.tag_keys(wanted) {
            for bucket in &named.buckets {
                self.ctx.check()?;
                let values = self.ctx.source.tag_values(*bucket, name, &key)?;
                out.extend(values.into_iter().map(|value| (Arc::clone(&key), value)));
            }
        }
        Ok(out)
    }

    /// How many of a kind a measurement has.
    pub fn number_of(
        &self,
        of: Cardinality,
        name: &Arc<str>,
        named: &Named,
        wanted: Option<&KeyMatch>,
    ) -> Result<usize> {
        Ok(match of {
            Cardinality::TagKey => named.schema.tags.len(),
            Cardinality::FieldKey => named.schema.fields.len(),
            Cardinality::TagValues => {
                let values = self.values_of(name, named, wanted)?;
                let values: BTreeSet<Arc<str>> =
                    values.into_iter().map(|(_, value)| value).collect();
                values.len()
            }
            Cardinality::Series | Cardinality::Measurement => {
                let mut series: u64 = 0;
                for bucket in &named.buckets {
                    series += self.ctx.source.series_count(*bucket, name)?;
                }
                usize::try_from(series).unwrap_or(usize::MAX)
            }
        })
    }
}
