//! Statements that change something, and those that ask about the server.

use super::Session;
use super::admin::{Administration, FigureValue, Figures};
use super::answer::{AnswerWriter, SeriesHead};
use super::ast::{Expr, Measurement, MeasurementName, Source, Statement};
use super::error::{Result, StatementError};
use super::fold::{Constants, TimeBounds};
use super::predicate::series_predicate;
use super::schema::{bucket_of, database_policies};
use super::value::Value;
use crate::engine::source::{SeriesPredicate, TextMatch};
use crate::model::{BucketId, TIME_MIN, TimeRange};
use std::sync::Arc;
use std::time::Duration;

fn told(result: std::result::Result<(), String>) -> Result<()> {
    result.map_err(StatementError::Invalid)
}

impl Session<'_> {
    /// `None`: the statement is none of these.
    pub(super) fn change(
        &self,
        statement: &Statement,
        out: &mut dyn AnswerWriter,
    ) -> Option<Result<()>> {
        let admin = self.admin;
        Some(match statement {
            Statement::CreateDatabase { name, policy } => told(admin.create_database(name, policy)),
            Statement::DropDatabase { name } => told(admin.drop_database(name)),
            Statement::CreatePolicy {
                name,
                database,
                options,
            } => told(admin.create_policy(database, name, options)),
            Statement::AlterPolicy {
                name,
                database,
                options,
            } => told(admin.alter_policy(database, name, options)),
            Statement::DropPolicy { name, database } => told(admin.drop_policy(database, name)),
            Statement::Delete { sources, condition } => {
                self.delete(sources, condition.as_ref(), Deletion::Points)
            }
            Statement::DropSeries { sources, condition } => {
                self.delete(sources, condition.as_ref(), Deletion::Series)
            }
            Statement::DropMeasurement { name } => self.drop_measurement(name),
            Statement::KillQuery { id, .. } => match admin.kill(*id) {
                Ok(true) => Ok(()),
                Ok(false) => Err(StatementError::invalid(format!("no such query id: {id}"))),
                Err(message) => Err(StatementError::Invalid(message)),
            },
            Statement::ShowQueries => show_queries(admin, out),
            Statement::ShowStats { module } => {
                show_figures(admin.statistics(), module.as_deref(), out)
            }
            Statement::ShowDiagnostics { module } => {
                show_figures(admin.diagnostics(), module.as_deref(), out)
            }
            Statement::ShowUsers => show_users(admin, out),
            Statement::ShowSubscriptions => Ok(()),
            Statement::ShowContinuousQueries => self.show_continuous_queries(out),
            _ => return None,
        })
    }

    fn drop_measurement(&self, name: &str) -> Result<()> {
        let predicate =
            SeriesPredicate::Measurement(TextMatch::Equal(name.to_owned().into_boxed_str()));
        for policy in database_policies(self.ctx, self.request.database.as_deref())? {
            told(
                self.admin
                    .delete_points(policy.bucket.id, &predicate, TimeRange::ALL),
            )?;
        }
        Ok(())
    }

    /// DELETE and DROP SERIES: conditions on tags, and of DELETE on time.
    fn delete(
        &self,
        sources: &[Source],
        condition: Option<&Expr>,
        deletion: Deletion,
    ) -> Result<()> {
        let constants = Constants {
            now_ns: self.ctx.now_ns,
            zone: None,
        };
        let (condition, bounds) = match condition {
            Some(condition) => constants.split_condition(condition)?,
            None => (None, TimeBounds::default()),
        };
        if deletion == Deletion::Series && bounds != TimeBounds::default() {
            return Err(StatementError::invalid(
                "DROP SERIES doesn't support time in WHERE clause",
            ));
        }
        let range = TimeRange::new(
            bounds.min.unwrap_or(TIME_MIN),
            bounds.max.map_or(i64::MAX, |max| max.saturating_add(1)),
        );
        let condition = condition.as_ref();
        let tags = condition.map(series_predicate).transpose()?;
        if sources.is_empty() {
            let predicate = tags.unwrap_or(SeriesPredicate::All);
            return self.delete_in(None, &predicate, range, condition);
        }
        for source in sources {
            let Source::Measurement(measurement) = source else {
                continue;
            };
            let named = SeriesPredicate::Measurement(match &measurement.name {
                MeasurementName::Name(name) => TextMatch::Equal(name.as_str().into()),
                MeasurementName::Regex(regex) => TextMatch::Regex(regex.regex.clone()),
                MeasurementName::Same => continue,
            });
            let predicate = match &tags {
                Some(tags) => SeriesPredicate::And(vec![named, tags.clone()]),
                None => named,
            };
            self.delete_in(Some(measurement), &predicate, range, condition)?;
        }
        Ok(())
    }

    fn delete_in(
        &self,
        measurement: Option<&Measurement>,
        predicate: &SeriesPredicate,
        range: TimeRange,
        condition: Option<&Expr>,
    ) -> Result<()> {
        for bucket in self.buckets_to_change(measurement)? {
            if let Some(condition) = condition {
                self.refuse_fields(bucket, predicate, condition)?;
            }
            told(self.admin.delete_points(bucket, predicate, range))?;
        }
        Ok(())
    }

    fn buckets_to_change(&self, measurement: Option<&Measurement>) -> Result<Vec<BucketId>> {
        let database = self.request.database.as_deref();
        match measurement.and_then(|measurement| measurement.policy.as_deref()) {
            Some(policy) => Ok(vec![bucket_of(self.ctx, database, Some(policy))?.id]),
            None => Ok(database_policies(self.ctx, database)?
                .into_iter()
                .map(|policy| policy.bucket.id)
                .collect()),
        }
    }

    /// Points can't be deleted by their values.
    fn refuse_fields(
        &self,
        bucket: BucketId,
        predicate: &SeriesPredicate,
        condition: &Expr,
    ) -> Result<()> {
        let mut names = Vec::new();
        condition.walk(&mut |part| {
            if let Expr::Var(var) = part {
                names.push(var.name.as_str());
            }
        });
        // The predicate compares names as tags; a name that is a field there must not pass for one.
        let measurements = match predicate {
            SeriesPredicate::And(parts) => parts.first().cloned(),
            _ => None,
        };
        let within = measurements.unwrap_or(SeriesPredicate::All);
        let mut fields = names
            .iter()
            .map(|name| SeriesPredicate::Field(TextMatch::Equal((*name).into())));
        let found = fields.try_fold(false, |found, field| -> Result<bool> {
            let both = SeriesPredicate::And(vec![within.clone(), field]);
            Ok(found
                || !self
                    .ctx
                    .source
                    .select(bucket, &both, TimeRange::ALL)?
                    .is_empty())
        })?;
        if found {
            return Err(StatementError::invalid(
                "fields not supported in WHERE clause during deletion",
            ));
        }
        Ok(())
    }

    fn show_continuous_queries(&self, out: &mut dyn AnswerWriter) -> Result<()> {
        let mut databases: Vec<String> = self
            .ctx
            .lookup
            .policies()
            .into_iter()
            .map(|policy| policy.database)
            .collect();
        databases.dedup();
        let columns = columns(&["name", "query"]);
        for name in databases {
            out.series(SeriesHead {
                name,
                tags: Vec::new(),
                columns: Arc::clone(&columns),
            })?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deletion {
    Points,
    Series,
}

fn columns(names: &[&str]) -> Arc<Vec<String>> {
    Arc::new(names.iter().map(|name| (*name).to_owned()).collect())
}

fn show_queries(admin: &dyn Administration, out: &mut dyn AnswerWriter) -> Result<()> {
    out.series(SeriesHead {
        columns: columns(&["qid", "query", "database", "duration", "status"]),
        ..SeriesHead::default()
    })?;
    for query in admin.running() {
        let status = if query.killed { "killed" } else { "running" };
        out.row(&[
            Value::Integer(i64::try_from(query.id).unwrap_or(i64::MAX)),
            Value::string(&query.text),
            Value::string(&query.database),
            Value::string(&short_duration(query.duration)),
            Value::string(status),
        ])?;
    }
    Ok(())
}

/// Whole seconds, milliseconds or microseconds, whichever says most.
fn short_duration(duration: Duration) -> String {
    match (duration.as_secs(), duration.as_millis()) {
        (0, 0) => format!("{}µs", duration.as_micros()),
        (0, milliseconds) => format!("{milliseconds}ms"),
        (seconds, _) if seconds < 60 => format!("{seconds}s"),
        (seconds, _) if seconds < 3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        (seconds, _) => {
            let (hours, rest) = (seconds / 3600, seconds % 3600);
            format!("{hours}h{}m{}s", rest / 60, rest % 60)
        }
    }
}

fn show_users(admin: &dyn Administration, out: &mut dyn AnswerWriter) -> Result<()> {
    out.series(SeriesHead {
        columns: columns(&["user", "admin"]),
        ..SeriesHead::default()
    })?;
    for user in admin.users() {
        out.row(&[Value::string(&user), Value::Boolean(true)])?;
    }
    Ok(())
}

fn show_figures(all: Vec<Figures>, module: Option<&str>, out: &mut dyn AnswerWriter) -> Result<()> {
    let wanted = |figures: &Figures| module.is_none_or(|module| module == figures.module);
    for figures in all.into_iter().filter(wanted) {
        let names: Vec<&str> = figures.values.iter().map(|(name, _)| *name).collect();
        out.series(SeriesHead {
            name: figures.module.to_owned(),
            tags: Vec::new(),
            columns: columns(&names),
        })?;
        let row: Vec<Value> = figures
            .values
            .iter()
            .map(|(_, value)| match value {
                FigureValue::Number(number) => Value::Integer(*number),
                FigureValue::Text(text) => Value::string(text),
            })
            .collect();
        out.row(&row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let of = |micros| short_duration(Duration::from_micros(micros));
        assert_eq!(of(14), "14µs");
        assert_eq!(of(14_500), "14ms");
        assert_eq!(of(14_500_000), "14s");
        assert_eq!(of(3_725_000_000), "1h2m5s");
    }
}
