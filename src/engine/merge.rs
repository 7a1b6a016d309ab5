//! Newest write wins: points of one field of one series from several places become one rising list.

use crate::model::Values;

/// Points of one place; times rise strictly.
#[derive(Debug, Clone)]
pub struct Part {
    pub times: Vec<i64>,
    pub values: Values,
}

/// Merges parts given from oldest to newest. `None` when there are none.
pub fn merge(parts: Vec<Part>) -> Option<Part> {
    let mut merged: Option<Part> = None;
    for part in parts.into_iter().filter(|part| !part.times.is_empty()) {
        merged = Some(match merged {
            None => part,
            Some(older) => merge_two(older, part),
        });
    }
    merged
}

fn merge_two(mut older: Part, newer: Part) -> Part {
    if older.times.last() < newer.times.first() {
        append(&mut older, &newer);
        return older;
    }
    if newer.times.last() < older.times.first() {
        let mut out = newer;
        append(&mut out, &older);
        return out;
    }
    interleave(&older, &newer)
}

fn append(to: &mut Part, from: &Part) {
    to.times.extend_from_slice(&from.times);
    match (&mut to.values, &from.values) {
        (Values::Float(to), Values::Float(from)) => to.extend_from_slice(from),
        (Values::Integer(to), Values::Integer(from)) => to.extend_from_slice(from),
        (Values::Unsigned(to), Values::Unsigned(from)) => to.extend_from_slice(from),
        (Values::Boolean(to), Values::Boolean(from)) => to.extend_from_slice(from),
        (to, from) => (0..from.len()).for_each(|index| to.push_from(from, index)),
    }
}

/// Alternates stretches of both; there are few of them where two parts hardly overlap.
fn interleave(older: &Part, newer: &Part) -> Part {
    let room = older.times.len() + newer.times.len();
    let mut merged = Part {
        times: Vec::with_capacity(room),
        values: Values::new(older.values.field_type()),
    };
    let (mut left, mut right) = (0, 0);
    loop {
        let (old, new) = (older.times.get(left..), newer.times.get(right..));
        let (Some(old), Some(new)) = (old, new) else {
            break;
        };
        let stretch = match new.first() {
            Some(new) => stretch_before(old, *new),
            None => old.len(),
        };
        push_stretch(&mut merged, older, left, stretch);
        left += stretch;
        let old = old.get(stretch..).unwrap_or_default();
        let stretch = match old.first() {
            Some(old) => stretch_before(new, *old),
            None => new.len(),
        };
        push_stretch(&mut merged, newer, right, stretch);
        right += stretch;
        if left < older.times.len() && older.times.get(left) == newer.times.get(right) {
            left += 1;
        }
        if left >= older.times.len() && right >= newer.times.len() {
            break;
        }
    }
    merged
}

/// How many times come before `time`; mostly few.
fn stretch_before(times: &[i64], time: i64) -> usize {
    times.iter().take_while(|have| **have < time).count()
}

fn push_stretch(to: &mut Part, from: &Part, start: usize, count: usize) {
    let rows = start..start + count;
    let times = from.times.get(rows.clone()).unwrap_or_default();
    to.times.extend_from_slice(times);
    match (&mut to.values, &from.values) {
        (Values::Float(to), Values::Float(from)) => {
            to.extend_from_slice(from.get(rows).unwrap_or_default());
        }
        (Values::Integer(to), Values::Integer(from)) => {
            to.extend_from_slice(from.get(rows).unwrap_or_default());
        }
        (Values::Unsigned(to), Values::Unsigned(from)) => {
            to.extend_from_slice(from.get(rows).unwrap_or_default());
        }
        (Values::Boolean(to), Values::Boolean(from)) => {
            to.extend_from_slice(from.get(rows).unwrap_or_default());
        }
        (to, from) => rows.for_each(|index| to.push_from(from, index)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_newest_part_wins_at_each_time(
            maps in prop::collection::vec(prop::collection::btree_map(0_i64..50, any::<i64>(), 0..20), 0..5)
        ) {
            let mut want = BTreeMap::new();
            let mut parts = Vec::new();
            for map in maps {
                want.extend(map.clone());
                parts.push(Part {
                    times: map.keys().copied().collect(),
                    values: Values::Integer(map.values().copied().collect()),
                });
            }
            let got = merge(parts);
            let want = Part {
                times: want.keys().copied().collect(),
                values: Values::Integer(want.values().copied().collect()),
            };
            match got {
                None => prop_assert!(want.times.is_empty()),
                Some(got) => {
                    prop_assert_eq!(got.times, want.times);
                    prop_assert_eq!(got.values, want.values);
                }
            }
        }
    }
}
