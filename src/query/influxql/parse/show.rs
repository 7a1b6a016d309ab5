//! SHOW statements.

use super::super::ast::{Cardinality, KeyMatch, Limits, Show, ShowMeasurements, Source, Statement};
use super::super::lex::Token;
use super::{Parser, Result, unexpected};

/// Which clauses a SHOW statement has besides ON, FROM and WHERE.
#[derive(Clone, Copy, Default)]
struct Clauses {
    keys: Keys,
    group_by: bool,
    order_by: bool,
    series_limits: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Keys {
    #[default]
    No,
    Optional,
    Required,
}

impl Parser<'_> {
    /// After the word SHOW.
    pub(super) fn show(&mut self) -> Result<Statement> {
        let listing = Clauses {
            order_by: true,
            series_limits: true,
            ..Clauses::default()
        };
        match self.keyword_of(&[
            "CONTINUOUS",
            "DATABASES",
            "DIAGNOSTICS",
            "FIELD",
            "GRANTS",
            "MEASUREMENT",
            "MEASUREMENTS",
            "QUERIES",
            "RETENTION",
            "SERIES",
            "SHARD",
            "SHARDS",
            "STATS",
            "SUBSCRIPTIONS",
            "TAG",
            "USERS",
        ])? {
            "CONTINUOUS" => self
                .expect("QUERIES")
                .map(|()| Statement::ShowContinuousQueries),
            "DATABASES" => Ok(Statement::ShowDatabases),
            "DIAGNOSTICS" => Ok(Statement::ShowDiagnostics {
                module: self.module()?,
            }),
            "STATS" => Ok(Statement::ShowStats {
                module: self.module()?,
            }),
            "FIELD" => self.show_field(),
            "GRANTS" => {
                self.expect("FOR")?;
                Ok(Statement::ShowGrants {
                    user: self.ident()?,
                })
            }
            "MEASUREMENT" => {
                let exact = self.keyword_of(&["EXACT", "CARDINALITY"])? == "EXACT";
                if exact {
                    self.expect("CARDINALITY")?;
                }
                self.cardinality(Cardinality::Measurement, exact, Keys::No)
            }
            "MEASUREMENTS" => self.show_measurements(),
            "QUERIES" => Ok(Statement::ShowQueries),
            "RETENTION" => {
                self.expect("POLICIES")?;
                Ok(Statement::ShowRetentionPolicies {
                    database: self.on_database()?,
                })
            }
            "SERIES" => match self.cardinality_follows() {
                Some(exact) => self.cardinality(Cardinality::Series, exact, Keys::No),
                None => self.show_clauses(listing).map(Statement::ShowSeries),
            },
            "SHARD" => self.expect("GROUPS").map(|()| Statement::ShowShardGroups),
            "SHARDS" => Ok(Statement::ShowShards),
            "SUBSCRIPTIONS" => Ok(Statement::ShowSubscriptions),
            "TAG" => self.show_tag(),
            _ => Ok(Statement::ShowUsers),
        }
    }

    fn module(&mut self) -> Result<Option<String>> {
        if self.take("FOR") {
            self.string().map(Some)
        } else {
            Ok(None)
        }
    }

    fn on_database(&mut self) -> Result<Option<String>> {
        if self.take("ON") {
            self.ident().map(Some)
        } else {
            Ok(None)
        }
    }

    fn show_field(&mut self) -> Result<Statement> {
        if self.keyword_of(&["KEY", "KEYS"])? == "KEYS" {
            let clauses = Clauses {
                order_by: true,
                ..Clauses::default()
            };
            return self.show_clauses(clauses).map(Statement::ShowFieldKeys);
        }
        let exact = self.exact_cardinality()?;
        self.cardinality(Cardinality::FieldKey, exact, Keys::No)
    }

    fn show_tag(&mut self) -> Result<Statement> {
        match self.keyword_of(&["KEY", "KEYS", "VALUES"])? {
            "KEY" => {
                let exact = self.exact_cardinality()?;
                self.cardinality(Cardinality::TagKey, exact, Keys::No)
            }
            "KEYS" => self
                .show_clauses(Clauses {
                    keys: Keys::Optional,
                    order_by: true,
                    series_limits: true,
                    ..Clauses::default()
                })
                .map(Statement::ShowTagKeys),
            _ => match self.strict_cardinality_follows()? {
                Some(exact) => self.cardinality(Cardinality::TagValues, exact, Keys::Required),
                None => self
                    .show_clauses(Clauses {
                        keys: Keys::Required,
                        order_by: true,
                        ..Clauses::default()
                    })
                    .map(Statement::ShowTagValues),
            },
        }
    }

    fn exact_cardinality(&mut self) -> Result<bool> {
        let exact = self.keyword_of(&["EXACT", "CARDINALITY"])? == "EXACT";
        if exact {
            self.expect("CARDINALITY")?;
        }
        Ok(exact)
    }

    /// As [`Self::cardinality_follows`], but EXACT must be followed.
    fn strict_cardinality_follows(&mut self) -> Result<Option<bool>> {
        if self.take("EXACT") {
            self.expect("CARDINALITY")?;
            return Ok(Some(true));
        }
        Ok(self.take("CARDINALITY").then_some(false))
    }

    /// `Some(exact)` if `[EXACT] CARDINALITY` comes next. InfluxDB passes over an EXACT that stands alone.
    fn cardinality_follows(&mut self) -> Option<bool> {
        let exact = self.take("EXACT");
        self.take("CARDINALITY").then_some(exact)
    }

    fn cardinality(&mut self, of: Cardinality, exact: bool, keys: Keys) -> Result<Statement> {
        let clauses = Clauses {
            keys,
            group_by: true,
            ..Clauses::default()
        };
        let show = self.show_clauses(clauses)?;
        Ok(Statement::ShowCardinality { of, exact, show })
    }

    fn show_clauses(&mut self, clauses: Clauses) -> Result<Box<Show>> {
        let mut show = Show {
            database: self.on_database()?,
            ..Show::default()
        };
        if self.take("FROM") {
            show.sources = self.sources(false)?;
        }
        if clauses.keys == Keys::Required
            || (clauses.keys == Keys::Optional && self.peek().0 == Token::Keyword("WITH"))
        {
            show.keys = Some(self.keys()?);
        }
        show.condition = self.condition()?;
        if clauses.group_by {
            show.group_by = self.group_by()?;
        }
        if clauses.order_by {
            show.order = self.order_by()?;
        }
        show.limits.limit = self.optional_count("LIMIT")?;
        show.limits.offset = self.optional_count("OFFSET")?;
        if clauses.series_limits {
            show.limits.series_limit = self.optional_count("SLIMIT")?;
            show.limits.series_offset = self.optional_count("SOFFSET")?;
        }
        Ok(Box::new(show))
    }

    /// `WITH KEY = name` and its other forms.
    fn keys(&mut self) -> Result<KeyMatch> {
        self.expect("WITH")?;
        self.expect("KEY")?;
        let (token, position) = self.next();
        match token {
            Token::Keyword("IN") => {
                self.expect("(")?;
                let names = self.ident_list()?;
                self.expect(")")?;
                Ok(KeyMatch::In(names))
            }
            Token::Symbol("=") => self.ident().map(KeyMatch::Equal),
            Token::Symbol("!=") => self.ident().map(KeyMatch::NotEqual),
            Token::Symbol(op @ ("=~" | "!~")) => match self.regex()? {
                Some(regex) if op == "=~" => Ok(KeyMatch::Regex(regex)),
                Some(regex) => Ok(KeyMatch::NotRegex(regex)),
                None => {
                    let (token, position) = self.next();
                    Err(unexpected(&token, &["regex"], position))
                }
            },
            token => Err(unexpected(&token, &["IN", "=", "=~"], position)),
        }
    }

    fn show_measurements(&mut self) -> Result<Statement> {
        let mut show = ShowMeasurements::default();
        if self.take("ON") {
            (show.database, show.any_database) = self.name_or_any()?;
            if self.take(".") {
                (show.policy, show.any_policy) = self.name_or_any()?;
            }
        }
        if self.take("WITH") {
            self.expect("MEASUREMENT")?;
            let (token, position) = self.next();
            if !matches!(token, Token::Symbol("=" | "=~")) {
                return Err(unexpected(&token, &["=", "=~"], position));
            }
            if let Source::Measurement(measurement) = self.source(false)? {
                show.with = Some(measurement);
            }
        }
        show.condition = self.condition()?;
        show.order = self.order_by()?;
        show.limits = Limits {
            limit: self.optional_count("LIMIT")?,
            offset: self.optional_count("OFFSET")?,
            ..Limits::default()
        };
        Ok(Statement::ShowMeasurements(Box::new(show)))
    }

    fn name_or_any(&mut self) -> Result<(Option<String>, bool)> {
        match self.next() {
            (Token::Ident(name), _) => Ok((Some(name), false)),
            (Token::Symbol("*"), _) => Ok((None, true)),
            (token, position) => Err(unexpected(&token, &["identifier or *"], position)),
        }
    }
}
