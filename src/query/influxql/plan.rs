//! What is to be done for a SELECT: names resolved, functions known, times fixed.

use super::ast::{BinaryOp, Expr, Fill, Limits, Literal};
use super::eval::Node;
use super::functions::Function;
use super::schema::{Schema, StoredMeasurement};
use super::value::{DataType, Value};
use super::window::Interval;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct Plan {
    pub sources: Vec<PlanSource>,
    /// The condition without its times; names not yet resolved, as that depends on the source.
    pub filter: Option<Expr>,
    /// The tags of GROUP BY, sorted.
    pub dimensions: Vec<Arc<str>>,
    /// As the statement itself wrote them, for an enclosing query.
    pub own_dimensions: Vec<Arc<str>>,
    pub options: Options,
    /// Slots `0..calls.len()`.
    pub calls: Vec<CallPlan>,
    /// The slots after those of the calls.
    pub refs: Vec<ColumnRef>,
    /// Without the time column.
    pub columns: Vec<Column>,
    pub time_column: String,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub data_type: DataType,
    pub node: Node,
}

#[derive(Debug, Clone)]
pub enum PlanSource {
    Stored(StoredMeasurement),
    Subquery(Box<Plan>),
}

impl PlanSource {
    /// What the source offers to the statement that selects from it.
    pub fn schema(&self) -> Schema {
        match self {
            Self::Stored(measurement) => (*measurement.schema).clone(),
            Self::Subquery(plan) => {
                let mut schema = Schema::default();
                for column in &plan.columns {
                    schema.add_field(&column.name.as_str().into(), column.data_type);
                }
                schema.tags.extend(plan.own_dimensions.iter().cloned());
                schema
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Both inclusive, nanoseconds.
    pub start: i64,
    pub end: i64,
    pub interval: Option<Interval>,
    pub fill: Fill,
    pub descending: bool,
    pub limits: Limits,
}

impl Options {
    /// The value of a column for which a call has no row at some time.
    pub fn default_value(&self) -> Option<Value> {
        match self.fill {
            Fill::Number(Literal::Float(value)) => Some(Value::Float(value)),
            Fill::Number(Literal::Integer(value)) => Some(Value::Integer(value)),
            // The row before stays visible.
            Fill::Previous => None,
            _ => Some(Value::Null),
        }
    }
}

/// A field or tag with the type as which it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRef {
    pub name: Arc<str>,
    pub data_type: DataType,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CallPlan {
    pub name: String,
    pub function: Function,
    pub argument: Argument,
    /// The names between field and number of top() and bottom().
    pub by: Vec<ColumnRef>,
    pub result_type: DataType,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    Column(ColumnRef),
    Call(Box<CallPlan>),
}

impl CallPlan {
    pub fn input_type(&self) -> DataType {
        match &self.argument {
            Argument::Column(column) => column.data_type,
            Argument::Call(call) => call.result_type,
        }
    }
}

impl Plan {
    /// One selector alone keeps the time and the other values of the point it chose.
    pub fn is_selector(&self) -> bool {
        matches!(self.calls.as_slice(), [only] if only.function.is_selector())
    }

    /// For each column, whether it is a tag that top() or bottom() ranks by.
    pub fn ranking_tags(&self) -> Vec<bool> {
        let ranked_by = |name: &str| {
            self.calls
                .iter()
                .any(|call| call.by.iter().any(|by| &*by.name == name))
        };
        self.columns
            .iter()
            .map(|column| column.data_type == DataType::Tag && ranked_by(&column.name))
            .collect()
    }

    /// Hands times, interval, tags and order down to subqueries.
    pub fn inherit_downwards(&mut self) {
        let Self {
            sources,
            options,
            dimensions,
            ..
        } = self;
        for source in sources {
            if let PlanSource::Subquery(inner) = source {
                inner.inherit(options, dimensions);
                inner.inherit_downwards();
            }
        }
    }

    fn inherit(&mut self, outer: &Options, dimensions: &[Arc<str>]) {
        let own = &mut self.options;
        own.start = own.start.max(outer.start);
        own.end = own.end.min(outer.end);
        own.descending = outer.descending;
        own.limits.series_limit += outer.limits.series_limit;
        own.limits.series_offset += outer.limits.series_offset;
        if own.interval.is_none() && !self.calls.is_empty() {
            own.interval = outer.interval;
        }
        if !self.calls.is_empty() && own.fill == Fill::Null {
            own.fill = Fill::None;
        }
        self.dimensions.extend(dimensions.iter().cloned());
        self.dimensions.sort();
        self.dimensions.dedup();
    }
}

/// The type of an arithmetic result.
pub const fn binary_type(op: BinaryOp, left: DataType, right: DataType) -> DataType {
    use DataType::{Boolean, Float, Integer, Unsigned};
    match (left, right) {
        (Boolean, Boolean) => Boolean,
        (Float, Float | Integer | Unsigned) | (Integer | Unsigned, Float) => Float,
        (Integer, Integer) if matches!(op, BinaryOp::Div) => Float,
        (Integer, Integer) => Integer,
        (Unsigned, Integer | Unsigned) | (Integer, Unsigned) => Unsigned,
        _ => DataType::Unknown,
    }
}
