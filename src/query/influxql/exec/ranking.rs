//! top() and bottom().

use super::super::functions::Function;
use super::points::Point;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The `count` best points of a window, in order of time.
pub fn rank(function: &Function, points: &[Point], count: usize) -> Vec<Point> {
    let mut best: Vec<&Point> = points.iter().collect();
    best.sort_by(|a, b| better(function, a, b));
    best.truncate(count);
    best.sort_by_key(|point| point.time);
    best.into_iter().cloned().collect()
}

/// The best point of each combination of the tags ranked by.
pub fn best_of_each(
    function: &Function,
    points: &[Point],
    key: &dyn Fn(&Point) -> Vec<Arc<str>>,
) -> Vec<Point> {
    let mut best: BTreeMap<Vec<Arc<str>>, &Point> = BTreeMap::new();
    for point in points {
        best.entry(key(point))
            .and_modify(|have| {
                if better(function, point, have) == Ordering::Less {
                    *have = point;
                }
            })
            .or_insert(point);
    }
    best.into_values().cloned().collect()
}

/// Orders better points first; of equal values the earlier one, then that of the first series.
fn better(function: &Function, a: &Point, b: &Point) -> Ordering {
    let by_value = a.value.compare(&b.value);
    let by_value = match function {
        Function::Top(_) => by_value.reverse(),
        _ => by_value,
    };
    by_value
        .then(a.time.cmp(&b.time))
        .then(a.member.cmp(&b.member))
}

#[cfg(test)]
mod tests {
    use super::super::super::value::Value;
    use super::*;

    #[test]
    fn the_best_come_in_order_of_time() {
        let points: Vec<Point> = [3, 9, 1, 7]
            .iter()
            .enumerate()
            .map(|(at, value)| Point::computed(at as i64, Value::Integer(*value)))
            .collect();
        let times = |function| -> Vec<i64> {
            rank(&function, &points, 2)
                .iter()
                .map(|point| point.time)
                .collect()
        };
        assert_eq!(times(Function::Top(2)), [1, 3]);
        assert_eq!(times(Function::Bottom(2)), [0, 2]);
    }
}
