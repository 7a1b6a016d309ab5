//! The functions that look at all points of a window together.

use super::super::functions::Function;
use super::super::value::Value;
use super::super::window::Interval;
use super::points::Point;
use std::cmp::Ordering;

/// The results of one window; `points` have times rising. `start` is the time that computed values get.
pub fn reduce(function: &Function, points: &[Point], start: i64) -> Vec<Point> {
    let one = |value: Option<Value>| {
        value
            .map(|value| Point::computed(start, value))
            .into_iter()
            .collect()
    };
    match function {
        Function::Median => one(median(points)),
        Function::Mode => one(mode(points)),
        Function::Stddev => one(stddev(points)),
        Function::Percentile(percent) => percentile(points, *percent).into_iter().collect(),
        Function::Distinct => distinct(points),
        Function::Sample(size) => sample(points, *size),
        _ => Vec::new(),
    }
}

/// By value; equal ones stay in the order given.
fn sorted(points: &[Point]) -> Vec<&Point> {
    let mut out: Vec<&Point> = points.iter().collect();
    out.sort_by(|a, b| a.value.compare(&b.value));
    out
}

fn median(points: &[Point]) -> Option<Value> {
    let sorted = sorted(points);
    let number = |at: usize| sorted.get(at)?.value.as_f64();
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        return number(middle).map(Value::Float);
    }
    let (low, high) = (number(middle.checked_sub(1)?)?, number(middle)?);
    Some(Value::Float(low + (high - low) / 2.0))
}

/// The most frequent value. Of equally frequent ones InfluxDB prefers the one whose first point is not
/// later than the other's last; of values that are all different it takes the smallest.
fn mode(points: &[Point]) -> Option<Value> {
    let sorted = sorted(points);
    let (mut best, mut best_count) = (*sorted.first()?, 0);
    let mut first_of_run = best;
    let mut count = 0;
    for point in sorted {
        if point.value.compare(&first_of_run.value) != Ordering::Equal {
            first_of_run = point;
            count = 1;
            continue;
        }
        count += 1;
        if count > best_count || (count == best_count && first_of_run.time <= best.time) {
            best = point;
            best_count = count;
        }
    }
    Some(best.value.clone())
}

/// The deviation of a sample; null for a single point.
fn stddev(points: &[Point]) -> Option<Value> {
    let mut count = 0.0;
    let mut mean = 0.0;
    let mut squares = 0.0;
    for value in points.iter().filter_map(|point| point.value.as_f64()) {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    if count < 1.0 {
        return None;
    }
    if count < 2.0 {
        return Some(Value::Null);
    }
    Some(Value::Float((squares / (count - 1.0)).sqrt()))
}

fn percentile(points: &[Point], percent: f64) -> Option<Point> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a rank; negative and too large ones are refused below"
    )]
    let rank = (points.len() as f64 * percent / 100.0 + 0.5).floor() as i64 - 1;
    let rank = usize::try_from(rank).ok()?;
    sorted(points).get(rank).map(|point| (*point).clone())
}

/// Each value once, at its first time.
fn distinct(points: &[Point]) -> Vec<Point> {
    let mut out: Vec<Point> = sorted(points)
        .chunk_by(|a, b| a.value.compare(&b.value) == Ordering::Equal)
        .filter_map(|run| run.first().map(|point| (*point).clone()))
        .collect();
    out.sort_by(|a, b| a.time.cmp(&b.time).then(a.value.compare(&b.value)));
    out
}

/// A random choice, every point equally likely; in order of time.
fn sample(points: &[Point], size: usize) -> Vec<Point> {
    let mut chosen: Vec<usize> = (0..points.len().min(size)).collect();
    let mut random = Random::seeded();
    for at in size..points.len() {
        let place = random.below(at + 1);
        if let Some(slot) = chosen.get_mut(place) {
            *slot = at;
        }
    }
    chosen.sort_unstable();
    chosen
        .iter()
        .filter_map(|at| points.get(*at).cloned())
        .collect()
}

/// xorshift64*; good enough to choose points.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let mut seed = [0_u8; 8];
        // Without a seed from the system the choice is the same each time, and still a choice.
        let _ = getrandom::fill(&mut seed);
        Self(u64::from_le_bytes(seed) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) * limit as u64;
        usize::try_from(high >> 32).unwrap_or(0)
    }
}

/// The area under the line through the points, in units of `unit` nanoseconds, for each window that
/// has points. The line is cut where a window ends; over windows without points it goes on, and its
/// area counts for the next window that has some.
pub fn integral(
    points: &[Point],
    unit: i64,
    interval: Option<&Interval>,
    start: i64,
) -> Vec<Point> {
    let mut line = points
        .iter()
        .filter_map(|point| point.value.as_f64().map(|value| (point.time, value)));
    let Some(mut last) = line.next() else {
        return Vec::new();
    };
    let window_of = |time| interval.map_or((start, i64::MAX), |interval| interval.window(time));
    let mut window = window_of(last.0);
    let mut sum = 0.0;
    let mut out = Vec::new();
    #[expect(clippy::cast_precision_loss, reason = "an area is a float")]
    let area = |a: (i64, f64), b: (i64, f64)| {
        (a.1 + b.1) / 2.0 * (b.0.saturating_sub(a.0) as f64 / unit as f64)
    };
    for point in line {
        if point.0 >= window.1 {
            let border = (window.1, interpolate(last, point, window.1));
            out.push(Point::computed(
                window.0,
                Value::Float(sum + area(last, border)),
            ));
            last = border;
            sum = 0.0;
            window = window_of(point.0);
        }
        sum += area(last, point);
        last = point;
    }
    // A last point just where its window starts has no area there.
    if interval.is_none() || last.0 != window.0 {
        out.push(Point::computed(window.0, Value::Float(sum)));
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "an estimate between two points")]
pub fn interpolate(a: (i64, f64), b: (i64, f64), time: i64) -> f64 {
    if a.0 == b.0 {
        return a.1;
    }
    // In just these steps: whole numbers are cut off after them.
    let slope = (b.1 - a.1) / b.0.saturating_sub(a.0) as f64;
    slope * time.saturating_sub(a.0) as f64 + a.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<Point> {
        let point = |(at, value): (usize, &f64)| Point::computed(at as i64, Value::Float(*value));
        values.iter().enumerate().map(point).collect()
    }

    fn values(points: &[Point]) -> Vec<Value> {
        points.iter().map(|point| point.value.clone()).collect()
    }

    #[test]
    fn median_of_an_even_number_lies_between() {
        assert_eq!(
            median(&points(&[4.0, 1.0, 3.0, 2.0])),
            Some(Value::Float(2.5))
        );
        assert_eq!(median(&points(&[4.0, 1.0, 3.0])), Some(Value::Float(3.0)));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn mode_is_the_most_frequent_or_else_the_smallest() {
        assert_eq!(
            mode(&points(&[5.0, 1.0, 7.0, 5.0])),
            Some(Value::Float(5.0))
        );
        assert_eq!(mode(&points(&[5.0, 1.0, 7.0])), Some(Value::Float(1.0)));
    }

    #[test]
    fn percentile_takes_a_point() {
        let all = points(&[10.0, 20.0, 30.0, 40.0]);
        assert_eq!(
            percentile(&all, 50.0).map(|p| p.value),
            Some(Value::Float(20.0))
        );
        assert_eq!(percentile(&all, 0.0), None);
        assert_eq!(
            percentile(&all, 100.0).map(|p| p.value),
            Some(Value::Float(40.0))
        );
    }

    #[test]
    fn distinct_keeps_first_times() {
        let all = points(&[2.0, 1.0, 2.0]);
        assert_eq!(
            values(&distinct(&all)),
            [Value::Float(2.0), Value::Float(1.0)]
        );
    }

    #[test]
    fn a_sample_holds_at_most_its_size_in_order() {
        let chosen = sample(&points(&[1.0; 100]), 10);
        assert_eq!(chosen.len(), 10);
        assert!(chosen.is_sorted_by_key(|point| point.time));
        assert_eq!(sample(&points(&[1.0, 2.0]), 10).len(), 2);
    }

    #[test]
    fn a_single_point_deviates_by_null() {
        assert_eq!(stddev(&points(&[1.0])), Some(Value::Null));
        assert_eq!(
            stddev(&points(&[1.0, 3.0])),
            Some(Value::Float(2.0_f64.sqrt()))
        );
    }
}
