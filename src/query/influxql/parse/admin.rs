//! Statements that change databases, policies, users and points.

use super::super::ast::{ContinuousQuery, PolicyOptions, Privilege, Source, Statement};
use super::super::error::ParseError;
use super::super::lex::Token;
use super::{Parser, Result, unexpected};

impl Parser<'_> {
    pub(super) fn delete(&mut self) -> Result<Statement> {
        let (sources, condition) = self.series_clauses()?;
        Ok(Statement::Delete { sources, condition })
    }

    /// FROM and WHERE, at least one, of DELETE and DROP SERIES.
    fn series_clauses(&mut self) -> Result<(Vec<Source>, Option<super::super::ast::Expr>)> {
        let (token, position) = self.peek();
        let sources = if self.take("FROM") {
            self.sources(false)?
        } else {
            Vec::new()
        };
        let names_database = |source: &Source| matches!(source, Source::Measurement(measurement) if measurement.database.is_some());
        if sources.iter().any(names_database) {
            return Err(ParseError::at("database not supported", position));
        }
        let condition = self.condition()?;
        if sources.is_empty() && condition.is_none() {
            return Err(unexpected(&token, &["FROM", "WHERE"], position));
        }
        Ok((sources, condition))
    }

    pub(super) fn create(&mut self) -> Result<Statement> {
        match self.keyword_of(&[
            "CONTINUOUS",
            "DATABASE",
            "USER",
            "RETENTION",
            "SUBSCRIPTION",
        ])? {
            "CONTINUOUS" => self.create_continuous_query(),
            "DATABASE" => self.create_database(),
            "USER" => self.create_user(),
            "RETENTION" => {
                self.expect("POLICY")?;
                let name = self.ident()?;
                self.expect("ON")?;
                let database = self.ident()?;
                let options = self.new_policy_options()?;
                Ok(Statement::CreatePolicy {
                    name,
                    database,
                    options,
                })
            }
            _ => self.create_subscription(),
        }
    }

    pub(super) fn alter(&mut self) -> Result<Statement> {
        self.expect("RETENTION")?;
        self.expect("POLICY")?;
        let name = if self.take("DEFAULT") {
            "default".to_owned()
        } else {
            self.ident()?
        };
        self.expect("ON")?;
        let database = self.ident()?;
        let options = self.policy_options()?;
        Ok(Statement::AlterPolicy {
            name,
            database,
            options,
        })
    }

    fn create_database(&mut self) -> Result<Statement> {
        let name = self.ident()?;
        let mut policy = PolicyOptions::default();
        if self.take("WITH") {
            let words = ["DURATION", "NAME", "REPLICATION", "SHARD", "FUTURE", "PAST"];
            let (token, position) = self.peek();
            if !matches!(token, Token::Keyword(word) if words.contains(&word)) {
                let named = words.get(..4).unwrap_or(&words);
                return Err(unexpected(&token, named, position));
            }
            while self.policy_option(&mut policy, &words)? {}
        }
        Ok(Statement::CreateDatabase { name, policy })
    }

    /// DURATION and REPLICATION, then the other options in this order.
    fn new_policy_options(&mut self) -> Result<PolicyOptions> {
        let mut options = PolicyOptions::default();
        for word in ["DURATION", "REPLICATION"] {
            let (token, position) = self.peek();
            if token != Token::Keyword(word) {
                return Err(unexpected(&token, &[word], position));
            }
            self.policy_option(&mut options, &[word])?;
        }
        for word in ["SHARD", "FUTURE", "PAST", "DEFAULT"] {
            self.policy_option(&mut options, &[word])?;
        }
        Ok(options)
    }

    /// Options in any order, at least one.
    fn policy_options(&mut self) -> Result<PolicyOptions> {
        const WORDS: [&str; 6] = [
            "DURATION",
            "REPLICATION",
            "SHARD",
            "DEFAULT",
            "FUTURE",
            "PAST",
        ];
        /// What InfluxDB 1.8 names.
        const NAMED: usize = 4;
        let mut options = PolicyOptions::default();
        let (token, position) = self.peek();
        if !self.policy_option(&mut options, &WORDS)? {
            let named = WORDS.get(..NAMED).unwrap_or(&WORDS);
            return Err(unexpected(&token, named, position));
        }
        while self.policy_option(&mut options, &WORDS)? {}
        Ok(options)
    }

    /// Takes one of the options `words`; `false` if none comes next.
    fn policy_option(&mut self, options: &mut PolicyOptions, words: &[&str]) -> Result<bool> {
        let back = self.lexer.cursor;
        let (token, position) = self.next();
        let Token::Keyword(word) = token else {
            self.back_to(back);
            return Ok(false);
        };
        if !words.contains(&word) {
            self.back_to(back);
            return Ok(false);
        }
        let repeated = match word {
            "DURATION" => options.duration.replace(self.duration()?).is_some(),
            "REPLICATION" => options.replication.replace(self.replication()?).is_some(),
            "SHARD" => {
                self.expect("DURATION")?;
                if self.peek().0 == Token::Keyword("INF") {
                    let message = "invalid duration INF for shard duration";
                    return Err(ParseError::at(message, position));
                }
                options.shard_duration.replace(self.duration()?).is_some()
            }
            "FUTURE" => {
                self.expect("LIMIT")?;
                options.future_limit.replace(self.duration()?).is_some()
            }
            "PAST" => {
                self.expect("LIMIT")?;
                options.past_limit.replace(self.duration()?).is_some()
            }
            "NAME" => options.name.replace(self.ident()?).is_some(),
            _ => std::mem::replace(&mut options.default, true),
        };
        if repeated {
            return Err(ParseError::at(
                format!("found duplicate {word} option"),
                position,
            ));
        }
        Ok(true)
    }

    fn replication(&mut self) -> Result<i64> {
        let (_, position) = self.peek();
        let count = self.unsigned()?;
        match i64::try_from(count) {
            Ok(count) if (1..=i64::from(i32::MAX)).contains(&count) => Ok(count),
            _ => Err(ParseError::at(
                format!("invalid value {count}: must be 1 <= n <= {}", i32::MAX),
                position,
            )),
        }
    }

    fn create_user(&mut self) -> Result<Statement> {
        let name = self.ident()?;
        self.expect("WITH")?;
        self.expect("PASSWORD")?;
        let password = self.string()?;
        let admin = self.take("WITH");
        if admin {
            self.expect("ALL")?;
            self.expect("PRIVILEGES")?;
        }
        Ok(Statement::CreateUser {
            name,
            password,
            admin,
        })
    }

    pub(super) fn set_password(&mut self) -> Result<Statement> {
        self.expect("PASSWORD")?;
        self.expect("FOR")?;
        let user = self.ident()?;
        self.expect("=")?;
        Ok(Statement::SetPassword {
            user,
            password: self.string()?,
        })
    }

    pub(super) fn drop_statement(&mut self) -> Result<Statement> {
        match self.keyword_of(&[
            "CONTINUOUS",
            "DATABASE",
            "MEASUREMENT",
            "RETENTION",
            "SERIES",
            "SHARD",
            "SUBSCRIPTION",
            "USER",
        ])? {
            "CONTINUOUS" => {
                self.expect("QUERY")?;
                let (name, database) = self.name_on_database()?;
                Ok(Statement::DropContinuousQuery { name, database })
            }
            "DATABASE" => Ok(Statement::DropDatabase {
                name: self.ident()?,
            }),
            "MEASUREMENT" => Ok(Statement::DropMeasurement {
                name: self.ident()?,
            }),
            "RETENTION" => {
                self.expect("POLICY")?;
                let (name, database) = self.name_on_database()?;
                Ok(Statement::DropPolicy { name, database })
            }
            "SERIES" => {
                let (sources, condition) = self.series_clauses()?;
                Ok(Statement::DropSeries { sources, condition })
            }
            "SHARD" => Ok(Statement::DropShard {
                id: self.unsigned()?,
            }),
            "SUBSCRIPTION" => {
                let (name, database, policy) = self.subscription()?;
                Ok(Statement::DropSubscription {
                    name,
                    database,
                    policy,
                })
            }
            _ => Ok(Statement::DropUser {
                name: self.ident()?,
            }),
        }
    }

    fn name_on_database(&mut self) -> Result<(String, String)> {
        let name = self.ident()?;
        self.expect("ON")?;
        Ok((name, self.ident()?))
    }

    /// `name ON database.policy`.
    fn subscription(&mut self) -> Result<(String, String, String)> {
        let (name, database) = self.name_on_database()?;
        self.expect(".")?;
        Ok((name, database, self.ident()?))
    }

    fn create_subscription(&mut self) -> Result<Statement> {
        let (name, database, policy) = self.subscription()?;
        self.expect("DESTINATIONS")?;
        let all = self.keyword_of(&["ALL", "ANY"])? == "ALL";
        let mut destinations = vec![self.string()?];
        while self.take(",") {
            destinations.push(self.string()?);
        }
        Ok(Statement::CreateSubscription {
            name,
            database,
            policy,
            all,
            destinations,
        })
    }

    fn create_continuous_query(&mut self) -> Result<Statement> {
        self.expect("QUERY")?;
        let (name, database) = self.name_on_database()?;
        let (mut every, mut span) = (None, None);
        if self.take("RESAMPLE") {
            if self.take("EVERY") {
                every = Some(self.duration()?);
            }
            if self.take("FOR") {
                span = Some(self.duration()?);
            }
            if every.is_none() && span.is_none() {
                let (token, position) = self.next();
                return Err(unexpected(&token, &["EVERY", "FOR"], position));
            }
        }
        self.expect("BEGIN")?;
        self.expect("SELECT")?;
        let select = self.select()?;
        let (token, position) = self.peek();
        if select.into.is_none() {
            return Err(unexpected(&token, &["INTO"], position));
        }
        self.expect("END")?;
        let query = ContinuousQuery {
            name,
            database,
            every,
            span,
            select,
        };
        Ok(Statement::CreateContinuousQuery(Box::new(query)))
    }

    pub(super) fn grant(&mut self) -> Result<Statement> {
        let (privilege, on, user) = self.privilege_of("TO")?;
        Ok(Statement::Grant {
            privilege,
            on,
            user,
        })
    }

    pub(super) fn revoke(&mut self) -> Result<Statement> {
        let (privilege, on, user) = self.privilege_of("FROM")?;
        Ok(Statement::Revoke {
            privilege,
            on,
            user,
        })
    }

    /// `READ|WRITE|ALL [PRIVILEGES] [ON database] TO|FROM user`.
    fn privilege_of(&mut self, link: &'static str) -> Result<(Privilege, Option<String>, String)> {
        let (token, position) = self.next();
        let privilege = match token {
            Token::Keyword("READ") => Privilege::Read,
            Token::Keyword("WRITE") => Privilege::Write,
            Token::Keyword("ALL") => {
                self.take("PRIVILEGES");
                Privilege::All
            }
            token => {
                let expected = ["READ", "WRITE", "ALL [PRIVILEGES]"];
                return Err(unexpected(&token, &expected, position));
            }
        };
        let on = if self.take("ON") {
            Some(self.ident()?)
        } else {
            None
        };
        if on.is_none() {
            let (token, position) = self.peek();
            if privilege != Privilege::All {
                return Err(unexpected(&token, &["ON"], position));
            }
            if token != Token::Keyword(link) {
                return Err(unexpected(&token, &["ON", link], position));
            }
        }
        self.expect(link)?;
        Ok((privilege, on, self.ident()?))
    }

    pub(super) fn kill(&mut self) -> Result<Statement> {
        self.expect("QUERY")?;
        let id = self.unsigned()?;
        let host = if self.take("ON") {
            Some(self.ident()?)
        } else {
            None
        };
        Ok(Statement::KillQuery { id, host })
    }
}
