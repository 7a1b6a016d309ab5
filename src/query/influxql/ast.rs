//! The syntax tree of InfluxQL.

use super::error::Position;

/// A whole request: statements separated by semicolons.
pub type Query = Vec<Statement>;

#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    Select(Box<Select>),
    Explain {
        select: Box<Select>,
        analyze: bool,
        verbose: bool,
    },
    ShowDatabases,
    ShowRetentionPolicies {
        database: Option<String>,
    },
    ShowMeasurements(Box<ShowMeasurements>),
    ShowSeries(Box<Show>),
    ShowTagKeys(Box<Show>),
    ShowTagValues(Box<Show>),
    ShowFieldKeys(Box<Show>),
    /// SHOW SERIES/MEASUREMENT/TAG KEY/TAG VALUES/FIELD KEY [EXACT] CARDINALITY.
    ShowCardinality {
        of: Cardinality,
        exact: bool,
        show: Box<Show>,
    },
    ShowStats {
        module: Option<String>,
    },
    ShowDiagnostics {
        module: Option<String>,
    },
    ShowQueries,
    ShowShards,
    ShowShardGroups,
    ShowSubscriptions,
    ShowContinuousQueries,
    ShowUsers,
    ShowGrants {
        user: String,
    },
    KillQuery {
        id: u64,
        host: Option<String>,
    },
    Delete {
        sources: Vec<Source>,
        condition: Option<Expr>,
    },
    DropSeries {
        sources: Vec<Source>,
        condition: Option<Expr>,
    },
    DropMeasurement {
        name: String,
    },
    DropShard {
        id: u64,
    },
    CreateDatabase {
        name: String,
        policy: PolicyOptions,
    },
    DropDatabase {
        name: String,
    },
    CreatePolicy {
        name: String,
        database: String,
        options: PolicyOptions,
    },
    AlterPolicy {
        name: String,
        database: String,
        options: PolicyOptions,
    },
    DropPolicy {
        name: String,
        database: String,
    },
    CreateUser {
        name: String,
        password: String,
        admin: bool,
    },
    DropUser {
        name: String,
    },
    SetPassword {
        user: String,
        password: String,
    },
    Grant {
        privilege: Privilege,
        on: Option<String>,
        user: String,
    },
    Revoke {
        privilege: Privilege,
        on: Option<String>,
        user: String,
    },
    CreateContinuousQuery(Box<ContinuousQuery>),
    DropContinuousQuery {
        name: String,
        database: String,
    },
    CreateSubscription {
        name: String,
        database: String,
        policy: String,
        all: bool,
        destinations: Vec<String>,
    },
    DropSubscription {
        name: String,
        database: String,
        policy: String,
    },
}

impl Statement {
    /// The leading words, as error messages name a statement.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Select(_) => "SELECT",
            Self::Explain { .. } => "EXPLAIN",
            Self::ShowDatabases => "SHOW DATABASES",
            Self::ShowRetentionPolicies { .. } => "SHOW RETENTION POLICIES",
            Self::ShowMeasurements(_) => "SHOW MEASUREMENTS",
            Self::ShowSeries(_) => "SHOW SERIES",
            Self::ShowTagKeys(_) => "SHOW TAG KEYS",
            Self::ShowTagValues(_) => "SHOW TAG VALUES",
            Self::ShowFieldKeys(_) => "SHOW FIELD KEYS",
            Self::ShowCardinality { of, .. } => of.statement(),
            Self::ShowStats { .. } => "SHOW STATS",
            Self::ShowDiagnostics { .. } => "SHOW DIAGNOSTICS",
            Self::ShowQueries => "SHOW QUERIES",
            Self::ShowShards => "SHOW SHARDS",
            Self::ShowShardGroups => "SHOW SHARD GROUPS",
            Self::ShowSubscriptions => "SHOW SUBSCRIPTIONS",
            Self::ShowContinuousQueries => "SHOW CONTINUOUS QUERIES",
            Self::ShowUsers => "SHOW USERS",
            Self::ShowGrants { .. } => "SHOW GRANTS",
            Self::KillQuery { .. } => "KILL QUERY",
            Self::Delete { .. } => "DELETE",
            Self::DropSeries { .. } => "DROP SERIES",
            Self::DropMeasurement { .. } => "DROP MEASUREMENT",
            Self::DropShard { .. } => "DROP SHARD",
            Self::CreateDatabase { .. } => "CREATE DATABASE",
            Self::DropDatabase { .. } => "DROP DATABASE",
            Self::CreatePolicy { .. } => "CREATE RETENTION POLICY",
            Self::AlterPolicy { .. } => "ALTER RETENTION POLICY",
            Self::DropPolicy { .. } => "DROP RETENTION POLICY",
            Self::CreateUser { .. } => "CREATE USER",
            Self::DropUser { .. } => "DROP USER",
            Self::SetPassword { .. } => "SET PASSWORD",
            Self::Grant { .. } => "GRANT",
            Self::Revoke { .. } => "REVOKE",
            Self::CreateContinuousQuery(_) => "CREATE CONTINUOUS QUERY",
            Self::DropContinuousQuery { .. } => "DROP CONTINUOUS QUERY",
            Self::CreateSubscription { .. } => "CREATE SUBSCRIPTION",
            Self::DropSubscription { .. } => "DROP SUBSCRIPTION",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    Series,
    Measurement,
    TagKey,
    TagValues,
    FieldKey,
}

impl Cardinality {
    const fn statement(self) -> &'static str {
        match self {
            Self::Series => "SHOW SERIES CARDINALITY",
            Self::Measurement => "SHOW MEASUREMENT CARDINALITY",
            Self::TagKey => "SHOW TAG KEY CARDINALITY",
            Self::TagValues => "SHOW TAG VALUES CARDINALITY",
            Self::FieldKey => "SHOW FIELD KEY CARDINALITY",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    pub fields: Vec<Field>,
    pub into: Option<Measurement>,
    pub sources: Vec<Source>,
    pub condition: Option<Expr>,
    pub group_by: Vec<Expr>,
    pub fill: Fill,
    pub order: Option<Order>,
    pub limits: Limits,
    pub zone: Option<chrono_tz::Tz>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub expr: Expr,
    pub alias: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    Null,
    None,
    Previous,
    Linear,
    Number(Literal),
}

/// A number that a query wrote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Literal {
    Float(f64),
    Integer(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// LIMIT, OFFSET, SLIMIT, SOFFSET; 0: not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    pub limit: usize,
    pub offset: usize,
    pub series_limit: usize,
    pub series_offset: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Measurement(Measurement),
    Subquery(Box<Select>),
}

/// `database.policy.name`, each part optional but the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    pub database: Option<String>,
    pub policy: Option<String>,
    pub name: MeasurementName,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MeasurementName {
    Name(String),
    Regex(Regex),
    /// `:MEASUREMENT` of SELECT INTO.
    Same,
}

/// A regular expression with its text.
#[derive(Debug, Clone)]
pub struct Regex {
    pub text: String,
    pub regex: regex::Regex,
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Var(Var),
    Call(Call),
    Binary(Box<Binary>),
    Paren(Box<Expr>),
    /// `*`, `*::tag`, `*::field`.
    Wildcard(Option<WildcardKind>),
    /// `DISTINCT name` without parentheses.
    Distinct(String),
    Number(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    String(String),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since the epoch; made by folding, never by the parser.
    Time(i64),
    Regex(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WildcardKind {
    Field,
    Tag,
}

/// A name, optionally with a type: `value::float`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Var {
    pub name: String,
    pub cast: Option<Cast>,
    pub position: Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cast {
    Float,
    Integer,
    Unsigned,
    String,
    Boolean,
    Field,
    Tag,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Lower case.
    pub name: String,
    pub args: Vec<Expr>,
    pub position: Position,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    BitAnd,
    BitOr,
    BitXor,
    And,
    Or,
    Eq,
    NotEq,
    Match,
    NotMatch,
    Less,
    LessEq,
    Greater,
    GreaterEq,
}

impl BinaryOp {
    pub fn of(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "+" => Self::Add,
            "-" => Self::Sub,
            "*" => Self::Mul,
            "/" => Self::Div,
            "%" => Self::Mod,
            "&" => Self::BitAnd,
            "|" => Self::BitOr,
            "^" => Self::BitXor,
            "AND" => Self::And,
            "OR" => Self::Or,
            "=" => Self::Eq,
            "!=" => Self::NotEq,
            "=~" => Self::Match,
            "!~" => Self::NotMatch,
            "<" => Self::Less,
            "<=" => Self::LessEq,
            ">" => Self::Greater,
            ">=" => Self::GreaterEq,
            _ => return None,
        })
    }

    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::And => "AND",
            Self::Or => "OR",
            Self::Eq => "=",
            Self::NotEq => "!=",
            Self::Match => "=~",
            Self::NotMatch => "!~",
            Self::Less => "<",
            Self::LessEq => "<=",
            Self::Greater => ">",
            Self::GreaterEq => ">=",
        }
    }

    /// Higher binds tighter.
    pub const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Eq
            | Self::NotEq
            | Self::Match
            | Self::NotMatch
            | Self::Less
            | Self::LessEq
            | Self::Greater
            | Self::GreaterEq => 3,
            Self::Add | Self::Sub | Self::BitOr | Self::BitXor => 4,
            Self::Mul | Self::Div | Self::Mod | Self::BitAnd => 5,
        }
    }

    pub const fn is_regex(self) -> bool {
        matches!(self, Self::Match | Self::NotMatch)
    }

    pub const fn is_comparison(self) -> bool {
        self.precedence() == 3
    }

    /// The operator with its sides exchanged.
    #[must_use]
    pub const fn swapped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEq => Self::GreaterEq,
            Self::Greater => Self::Less,
            Self::GreaterEq => Self::LessEq,
            other => other,
        }
    }
}

impl Expr {
    pub fn binary(op: BinaryOp, left: Self, right: Self) -> Self {
        Self::Binary(Box::new(Binary { op, left, right }))
    }

    /// Calls `visit` for this and every expression inside, outermost first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        match self {
            Self::Call(call) => call.args.iter().for_each(|arg| arg.walk(visit)),
            Self::Binary(binary) => {
                binary.left.walk(visit);
                binary.right.walk(visit);
            }
            Self::Paren(inner) => inner.walk(visit),
            _ => {}
        }
    }

    /// Calls `change` for every expression inside and then for this.
    pub fn rewrite(&mut self, change: &mut dyn FnMut(&mut Self)) {
        match self {
            Self::Call(call) => call.args.iter_mut().for_each(|arg| arg.rewrite(change)),
            Self::Binary(binary) => {
                binary.left.rewrite(change);
                binary.right.rewrite(change);
            }
            Self::Paren(inner) => inner.rewrite(change),
            _ => {}
        }
        change(self);
    }

    /// Without enclosing parentheses.
    pub fn bare(&self) -> &Self {
        let mut inner = self;
        while let Self::Paren(next) = inner {
            inner = next;
        }
        inner
    }
}

/// The clauses that the SHOW statements share; each statement uses some.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Show {
    pub database: Option<String>,
    pub sources: Vec<Source>,
    /// WITH KEY of SHOW TAG KEYS and SHOW TAG VALUES.
    pub keys: Option<KeyMatch>,
    pub condition: Option<Expr>,
    pub group_by: Vec<Expr>,
    pub order: Option<Order>,
    pub limits: Limits,
}

#[derive(Debug, Clone, PartialEq)]
pub enum KeyMatch {
    Equal(String),
    NotEqual(String),
    In(Vec<String>),
    Regex(Regex),
    NotRegex(Regex),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowMeasurements {
    pub database: Option<String>,
    pub policy: Option<String>,
    /// `ON *` or `ON db.*`.
    pub any_database: bool,
    pub any_policy: bool,
    pub with: Option<Measurement>,
    pub condition: Option<Expr>,
    pub order: Option<Order>,
    pub limits: Limits,
}

/// What CREATE DATABASE and CREATE/ALTER RETENTION POLICY may say; durations in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyOptions {
    pub name: Option<String>,
    /// 0: for ever.
    pub duration: Option<i64>,
    pub replication: Option<i64>,
    pub shard_duration: Option<i64>,
    pub future_limit: Option<i64>,
    pub past_limit: Option<i64>,
    pub default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    Read,
    Write,
    All,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ContinuousQuery {
    pub name: String,
    pub database: String,
    pub every: Option<i64>,
    pub span: Option<i64>,
    pub select: Select,
}
