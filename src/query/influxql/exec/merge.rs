//! The order of the points of several series, merged by time.
//!
//! Points at one time come in the order in which InfluxDB's merge would put them: it takes the heads of all
//! series from a binary heap that leaves ties as they fall, shard by shard. Nothing is better about that
//! order than about another; but results that depend on it (cumulative sums, differences, LIMIT) are then
//! the same.

use std::cmp::Ordering;

/// A row of a member: its index among the lists, and its index in the list.
pub type Place = (usize, usize);

/// 0001-01-01 to 1970-01-01 in nanoseconds: shards are aligned to the former.
const ZERO_TIME_NS: i128 = 62_135_596_800 * 1_000_000_000;

/// Start (inclusive) and end (inclusive) of the shard that a time falls in.
pub fn shard_of(time: i64, shard_ns: i64) -> (i64, i64) {
    let length = i128::from(shard_ns.max(1));
    let into = (i128::from(time) + ZERO_TIME_NS).rem_euclid(length);
    let start = i128::from(time) - into;
    let narrow = |wide: i128, otherwise| i64::try_from(wide).unwrap_or(otherwise);
    (
        narrow(start, i64::MIN),
        narrow(start + length - 1, i64::MAX),
    )
}

/// Merges `lists` of rising times; descending, the newest comes first. `tie` orders points of one time as
/// far as they have an order.
pub fn merge(
    lists: &[&[i64]],
    descending: bool,
    shard_ns: i64,
    tie: &dyn Fn(Place, Place) -> Ordering,
) -> Vec<Place> {
    let total = lists.iter().map(|list| list.len()).sum();
    let mut out = Vec::with_capacity(total);
    let mut next: Vec<usize> = lists
        .iter()
        .map(|list| if descending { list.len() } else { 0 })
        .collect();
    if let [only] = lists {
        out.extend((0..only.len()).map(|row| (0, row)));
        if descending {
            out.reverse();
        }
        return out;
    }
    while let Some(shard) = next_shard(lists, &next, descending, shard_ns) {
        let mut heap = Heap {
            items: Vec::new(),
            descending,
            tie,
        };
        for member in 0..lists.len() {
            if let Some(item) = take(lists, &mut next, member, descending, shard) {
                heap.items.push(item);
            }
        }
        heap.init();
        while let Some((_, place)) = heap.pop() {
            out.push(place);
            if let Some(item) = take(lists, &mut next, place.0, descending, shard) {
                heap.push(item);
            }
        }
    }
    out
}

/// Which two of `heads` come first in the merge, given when each is.
pub fn first_two(
    heads: &[i64],
    descending: bool,
    tie: &dyn Fn(Place, Place) -> Ordering,
) -> (Option<usize>, Option<usize>) {
    let mut heap = Heap {
        items: heads
            .iter()
            .enumerate()
            .map(|(member, time)| (*time, (member, 0)))
            .collect(),
        descending,
        tie,
    };
    heap.init();
    let mut next = || heap.pop().map(|(_, (member, _))| member);
    (next(), next())
}

type Item = (i64, Place);

fn head(list: &[i64], next: usize, descending: bool) -> Option<(usize, i64)> {
    let row = if descending {
        next.checked_sub(1)?
    } else {
        next
    };
    Some((row, *list.get(row)?))
}

/// The shard of the next point of all.
fn next_shard(
    lists: &[&[i64]],
    next: &[usize],
    descending: bool,
    shard_ns: i64,
) -> Option<(i64, i64)> {
    let heads = lists
        .iter()
        .zip(next)
        .filter_map(|(list, next)| head(list, *next, descending))
        .map(|(_, time)| time);
    let first = if descending { heads.max() } else { heads.min() };
    first.map(|time| shard_of(time, shard_ns))
}

/// The next point of a member, if it lies in the shard.
fn take(
    lists: &[&[i64]],
    next: &mut [usize],
    member: usize,
    descending: bool,
    shard: (i64, i64),
) -> Option<Item> {
    let at = next.get_mut(member)?;
    let (row, time) = head(lists.get(member)?, *at, descending)?;
    if time < shard.0 || time > shard.1 {
        return None;
    }
    *at = if descending { row } else { row + 1 };
    Some((time, (member, row)))
}

/// A binary heap that breaks no ties, in the steps that InfluxDB's takes.
struct Heap<'a> {
    items: Vec<Item>,
    descending: bool,
    tie: &'a dyn Fn(Place, Place) -> Ordering,
}

impl Heap<'_> {
    fn less(&self, a: usize, b: usize) -> bool {
        let (Some(a), Some(b)) = (self.items.get(a), self.items.get(b)) else {
            return false;
        };
        let order = a.0.cmp(&b.0).then_with(|| (self.tie)(a.1, b.1));
        order
            == if self.descending {
                Ordering::Greater
            } else {
                Ordering::Less
            }
    }

    fn init(&mut self) {
        let count = self.items.len();
        for at in (0..count / 2).rev() {
            self.down(at, count);
        }
    }

    fn push(&mut self, item: Item) {
        self.items.push(item);
        let mut at = self.items.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.less(at, parent) {
                break;
            }
            self.items.swap(at, parent);
            at = parent;
        }
    }

    fn pop(&mut self) -> Option<Item> {
        let last = self.items.len().checked_sub(1)?;
        self.items.swap(0, last);
        self.down(0, last);
        self.items.pop()
    }

    fn down(&mut self, from: usize, count: usize) {
        let mut at = from;
        loop {
            let mut child = 2 * at + 1;
            if child >= count {
                break;
            }
            if child + 1 < count && self.less(child + 1, child) {
                child += 1;
            }
            if !self.less(child, at) {
                break;
            }
            self.items.swap(at, child);
            at = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lists: &[&[i64]], descending: bool) -> Vec<Place> {
        merge(lists, descending, 1000, &|_, _| Ordering::Equal)
    }

    #[test]
    fn points_are_merged_by_time_over_shards() {
        let lists: [&[i64]; 3] = [&[1, 5, 2001], &[2, 4, 1999], &[3, 3000]];
        let times = |places: Vec<Place>| -> Vec<i64> {
            places.into_iter().map(|(m, row)| lists[m][row]).collect()
        };
        let rising = vec![1, 2, 3, 4, 5, 1999, 2001, 3000];
        assert_eq!(times(order(&lists, false)), rising);
        let falling: Vec<i64> = rising.into_iter().rev().collect();
        assert_eq!(times(order(&lists, true)), falling);
    }

    #[test]
    fn ties_fall_as_in_a_binary_heap() {
        let lists: [&[i64]; 4] = [&[1, 2], &[1, 2], &[1, 2], &[1, 2]];
        let members: Vec<usize> = order(&lists, false).into_iter().map(|(m, _)| m).collect();
        assert_eq!(members, [0, 3, 1, 2, 1, 2, 3, 0]);
    }

    #[test]
    fn weeks_start_on_mondays() {
        const DAY: i64 = 86_400_000_000_000;
        // 1970-01-05 was a Monday.
        assert_ne!(shard_of(4 * DAY - 1, 7 * DAY), shard_of(4 * DAY, 7 * DAY));
        assert_eq!(shard_of(4 * DAY, 7 * DAY), shard_of(11 * DAY - 1, 7 * DAY));
    }
}
