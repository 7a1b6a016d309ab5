//! The functions that go from point to point: derivative, difference and their like.

use super::super::ast::BinaryOp;
use super::super::eval::binary;
use super::super::functions::Function;
use super::super::value::Value;
use super::indicators::indicate;
use super::points::Point;
use crate::query::forecast::{Wanted, forecast};
use std::collections::VecDeque;

/// The units that a statement's interval gives to functions that name none.
#[derive(Debug, Clone, Copy)]
pub struct Units {
    pub derivative: i64,
    pub elapsed: i64,
    pub descending: bool,
}

/// The results for points in the order of the answer; nulls are passed over.
pub fn transform(function: &Function, points: &[Point], units: Units) -> Vec<Point> {
    let points = points.iter().filter(|point| !point.value.is_null());
    match function {
        Function::Derivative { unit, non_negative } => {
            let unit = if *unit == 0 { units.derivative } else { *unit };
            derivative(points, unit, *non_negative, units.descending)
        }
        Function::Difference { non_negative } => pairs(points)
            .map(|(a, b)| {
                (
                    b.time,
                    binary(BinaryOp::Sub, b.value.clone(), a.value.clone(), false),
                )
            })
            .filter(|(_, value)| !*non_negative || value.as_f64().is_some_and(|v| v >= 0.0))
            .map(|(time, value)| Point::computed(time, value))
            .collect(),
        Function::CumulativeSum => cumulative_sum(points),
        Function::MovingAverage(size) => moving_average(points, *size),
        Function::Elapsed { unit } => {
            let unit = if *unit == 0 { units.elapsed } else { *unit };
            let points: Vec<&Point> = points.collect();
            points
                .iter()
                .zip(points.iter().skip(1))
                .map(|(a, b)| {
                    let elapsed = b.time.saturating_sub(a.time) / unit.max(1);
                    Point::computed(b.time, Value::Integer(elapsed))
                })
                .collect()
        }
        Function::Indicator(indicator) => indicate(indicator, points),
        Function::HoltWinters {
            horizon,
            season,
            with_fit,
        } => {
            let wanted = Wanted {
                horizon: *horizon,
                season: *season,
                with_fit: *with_fit,
                interval: units.derivative,
            };
            let points: Vec<(i64, f64)> = points
                .filter_map(|point| Some((point.time, point.value.as_f64()?)))
                .collect();
            let forecast = forecast(wanted, &points).into_iter();
            forecast
                .map(|(time, value)| Point::computed(time, Value::Float(value)))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Neighbours at different times; of several points at one time the first counts.
fn pairs<'a>(
    points: impl Iterator<Item = &'a Point>,
) -> impl Iterator<Item = (&'a Point, &'a Point)> {
    let mut previous: Option<&Point> = None;
    points.filter_map(move |point| {
        if previous.is_some_and(|have| have.time == point.time) {
            return None;
        }
        previous.replace(point).map(|before| (before, point))
    })
}

fn derivative<'a>(
    points: impl Iterator<Item = &'a Point>,
    unit: i64,
    non_negative: bool,
    descending: bool,
) -> Vec<Point> {
    let mut out = Vec::new();
    for (a, b) in pairs(points) {
        let (Some(before), Some(after)) = (a.value.as_f64(), b.value.as_f64()) else {
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "a derivative is a float")]
        let elapsed = b.time.saturating_sub(a.time) as f64 / unit.max(1) as f64;
        let value = (after - before) / if descending { -elapsed } else { elapsed };
        if !(non_negative && value < 0.0) {
            out.push(Point::computed(b.time, Value::Float(value)));
        }
    }
    out
}

fn cumulative_sum<'a>(points: impl Iterator<Item = &'a Point>) -> Vec<Point> {
    let mut sum: Option<Value> = None;
    points
        .map(|point| {
            let next = match sum.take() {
                None => point.value.clone(),
                Some(sum) => binary(BinaryOp::Add, sum, point.value.clone(), false),
            };
            sum = Some(next.clone());
            Point::computed(point.time, next)
        })
        .collect()
}

fn moving_average<'a>(points: impl Iterator<Item = &'a Point>, size: usize) -> Vec<Point> {
    let mut window: VecDeque<f64> = VecDeque::new();
    let mut sum = 0.0;
    let mut out = Vec::new();
    for point in points {
        let Some(value) = point.value.as_f64() else {
            continue;
        };
        window.push_back(value);
        sum += value;
        if window.len() > size {
            sum -= window.pop_front().unwrap_or_default();
        }
        if window.len() == size {
            #[expect(clippy::cast_precision_loss, reason = "an average is a float")]
            out.push(Point::computed(point.time, Value::Float(sum / size as f64)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: Units = Units {
        derivative: 1,
        elapsed: 1,
        descending: false,
    };

    fn run(function: &Function, points: &[(i64, i64)]) -> Vec<(i64, Value)> {
        let points: Vec<Point> = points
            .iter()
            .map(|(time, value)| Point::computed(*time, Value::Integer(*value)))
            .collect();
        transform(function, &points, UNITS)
            .into_iter()
            .map(|p| (p.time, p.value))
            .collect()
    }

    #[test]
    fn differences_keep_the_type_and_skip_equal_times() {
        let function = Function::Difference {
            non_negative: false,
        };
        assert_eq!(
            run(&function, &[(1, 10), (2, 13), (2, 99), (3, 12)]),
            [(2, Value::Integer(3)), (3, Value::Integer(-1))]
        );
        let function = Function::Difference { non_negative: true };
        assert_eq!(
            run(&function, &[(1, 10), (2, 13), (3, 12)]),
            [(2, Value::Integer(3))]
        );
    }

    #[test]
    fn derivatives_are_per_unit() {
        let function = Function::Derivative {
            unit: 2,
            non_negative: false,
        };
        assert_eq!(
            run(&function, &[(0, 10), (4, 14)]),
            [(4, Value::Float(2.0))]
        );
    }

    #[test]
    fn averages_start_when_the_window_is_full() {
        assert_eq!(
            run(&Function::MovingAverage(2), &[(0, 1), (1, 3), (2, 5)]),
            [(1, Value::Float(2.0)), (2, Value::Float(4.0))]
        );
    }

    #[test]
    fn sums_accumulate() {
        assert_eq!(
            run(&Function::CumulativeSum, &[(0, 1), (1, 3)]),
            [(0, Value::Integer(1)), (1, Value::Integer(4))]
        );
    }
}
