//! What is to be done for a SELECT: names resolved, functions known, times fixed.

use super::ast::{Expr, Fill, Limits, Literal};
use super::eval::Node;
use super::functions::Function;
use super::schema::{Schema, StoredMeasurement};
use super::value::{DataType, Value};
use super::window::Interval;
use crate::model::TIME_MIN;
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
    /// The tags by which SLIMIT counts series: those of the outermost query.
    pub limit_dimensions: Vec<Arc<str>>,
    pub options: Options,
    /// Slots `0..calls.len()`.
    pub calls: Vec<CallPlan>,
    /// What all sources together offer.
    pub schema: Arc<Schema>,
    /// The slots after those of the calls.
    pub refs: Vec<ColumnRef>,
    /// Without the time column.
    pub columns: Vec<Column>,
    pub time_column: String,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    /// The name by which an enclosing query knows it, which need not be unique.
    pub offered_as: String,
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
                    schema.add_field(&column.offered_as.as_str().into(), column.data_type);
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
    /// What a column shows where a row has no value for it. `None`: what the row before had.
    pub fn default_value(&self) -> Option<Value> {
        match self.fill {
            Fill::Number(Literal::Float(value)) => Some(Value::Float(value)),
            Fill::Number(Literal::Integer(value)) => Some(Value::Integer(value)),
            Fill::Previous => None,
            _ => Some(Value::Null),
        }
    }

    /// Makes room for a window before the first one, in the order of the answer.
    pub fn widen(&mut self, every: i64) {
        if self.descending {
            self.end = self.end.saturating_add(every);
        } else if self.start > TIME_MIN {
            self.start = self.start.saturating_sub(every).max(TIME_MIN);
        }
    }

    /// Puts the default where `value` is null; `before` is the value in the row before.
    pub fn or_default(&self, value: Value, before: Value, column: DataType) -> Value {
        if !value.is_null() {
            return value;
        }
        match self.default_value() {
            None => before,
            // A number shows as it is in columns of texts and booleans.
            Some(number) if column.is_numeric() => number.cast(column),
            Some(other) => other,
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
    /// Whether the first row of the range is made with the one before it.
    pub fn looks_back(&self) -> bool {
        self.function.is_transform()
            && !matches!(
                self.function,
                Function::CumulativeSum | Function::HoltWinters { .. }
            )
    }

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
        let mut dimensions = self.dimensions.clone();
        // top() and bottom() see a series for each combination of the tags that they rank by.
        let ranked_by = self.calls.iter().flat_map(|call| &call.by);
        dimensions.extend(ranked_by.map(|column| Arc::clone(&column.name)));
        let mut options = self.options;
        if let (Some(interval), true) = (
            options.interval,
            self.calls.iter().any(CallPlan::looks_back),
        ) {
            options.widen(interval.every);
        }
        for source in &mut self.sources {
            if let PlanSource::Subquery(inner) = source {
                inner.inherit(&options, &dimensions);
                inner.limit_dimensions.clone_from(&self.limit_dimensions);
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
