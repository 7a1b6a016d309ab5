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

fn interleave(older: &Part, newer: &Part) -> Part {
    let mut times = Vec::with_capacity(older.times.len() + newer.times.len());
    let mut values = Values::new(older.values.field_type());
    let (mut left, mut right) = (0, 0);
    loop {
        match (older.times.get(left), newer.times.get(right)) {
            (None, None) => break,
            (Some(&old), Some(&new)) if old < new => {
                times.push(old);
                values.push_from(&older.values, left);
                left += 1;
            }
            (Some(&old), None) => {
                times.push(old);
                values.push_from(&older.values, left);
                left += 1;
            }
            (old, Some(&new)) => {
                left += usize::from(old == Some(&new));
                times.push(new);
                values.push_from(&newer.values, right);
                right += 1;
            }
        }
    }
    Part { times, values }
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
