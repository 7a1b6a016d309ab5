//! The functions that need only one pass: count, sum, mean, extremes, first and last.

use super::super::functions::Function;
use super::super::value::{DataType, Value};
use super::points::Point;
use crate::engine::source::{Number, WindowStats};
use std::cmp::Ordering;

/// What one window has seen so far.
#[derive(Debug, Clone)]
pub struct Accumulator {
    count: u64,
    sum: Value,
    /// The chosen point, or the smallest of spread().
    chosen: Option<Point>,
    /// The largest of spread().
    largest: Option<Point>,
}

impl Default for Accumulator {
    fn default() -> Self {
        Self {
            count: 0,
            sum: Value::Null,
            chosen: None,
            largest: None,
        }
    }
}

impl Accumulator {
    pub fn add(&mut self, function: &Function, point: Point) {
        self.count += 1;
        match function {
            Function::Count => {}
            Function::Sum | Function::Mean => self.add_sum(&point.value),
            Function::Spread => {
                choose(&mut self.largest, point.clone(), &Function::Max);
                choose(&mut self.chosen, point, &Function::Min);
            }
            function => choose(&mut self.chosen, point, function),
        }
    }

    /// Adds the statistics of a window of one member.
    pub fn add_stats(
        &mut self,
        function: &Function,
        stats: &WindowStats,
        as_type: DataType,
        member: usize,
    ) {
        let value = |number| value_of(number, as_type);
        let mut add = |value: Value, time| {
            self.add(
                function,
                Point {
                    time,
                    value,
                    member,
                    source_time: time,
                },
            );
        };
        match function {
            Function::Count => {}
            Function::Sum | Function::Mean => self.add_sum(&value(stats.sum)),
            Function::Min => add(value(stats.min), stats.min_time),
            Function::Max => add(value(stats.max), stats.max_time),
            Function::First => add(value(stats.first), stats.first_time),
            Function::Last => add(value(stats.last), stats.last_time),
            _ => {
                add(value(stats.min), stats.min_time);
                add(value(stats.max), stats.max_time);
            }
        }
        if matches!(function, Function::Count | Function::Sum | Function::Mean) {
            self.count += stats.count;
        }
    }

    fn add_sum(&mut self, value: &Value) {
        self.sum = match (&self.sum, value) {
            (Value::Null, value) => value.clone(),
            (Value::Float(a), Value::Float(b)) => Value::Float(a + b),
            (Value::Integer(a), Value::Integer(b)) => Value::Integer(a.wrapping_add(*b)),
            (Value::Unsigned(a), Value::Unsigned(b)) => Value::Unsigned(a.wrapping_add(*b)),
            (a, b) => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => Value::Float(a + b),
                _ => Value::Null,
            },
        };
    }

    /// The result of a window that starts at `time`.
    pub fn finish(self, function: &Function, time: i64) -> Option<Point> {
        let computed = |value| {
            Some(Point {
                time,
                value,
                member: usize::MAX,
                source_time: time,
            })
        };
        if self.count == 0 {
            return None;
        }
        match function {
            #[expect(clippy::cast_possible_wrap, reason = "no count reaches 2^63")]
            Function::Count => computed(Value::Integer(self.count as i64)),
            Function::Sum => computed(self.sum),
            #[expect(clippy::cast_precision_loss, reason = "a mean is a float")]
            Function::Mean => computed(Value::Float(self.sum.as_f64()? / self.count as f64)),
            Function::Spread => {
                let (smallest, largest) = (self.chosen?.value, self.largest?.value);
                computed(super::super::eval::binary(
                    super::super::ast::BinaryOp::Sub,
                    largest,
                    smallest,
                    false,
                ))
            }
            _ => self.chosen,
        }
    }
}

/// Keeps the better of two points.
pub fn choose(chosen: &mut Option<Point>, point: Point, function: &Function) {
    let better = match &*chosen {
        None => true,
        Some(have) => {
            let by_value = point.value.compare(&have.value);
            let by_time = point.time.cmp(&have.time);
            match function {
                Function::Min => by_value.then(by_time) == Ordering::Less,
                Function::Max => by_value.reverse().then(by_time) == Ordering::Less,
                // Of two points at one time the larger one counts, of booleans the false one.
                Function::First if matches!(point.value, Value::Boolean(_)) => {
                    by_time.then(by_value) == Ordering::Less
                }
                Function::First => by_time.then(by_value.reverse()) == Ordering::Less,
                _ => by_time.then(by_value) == Ordering::Greater,
            }
        }
    };
    if better {
        *chosen = Some(point);
    }
}

pub fn value_of(number: Number, as_type: DataType) -> Value {
    let value = match number {
        Number::Float(value) => Value::Float(value),
        Number::Integer(value) => Value::Integer(value),
        Number::Unsigned(value) => Value::Unsigned(value),
        Number::None => Value::Null,
    };
    value.cast(as_type)
}
