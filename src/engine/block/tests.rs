//! Blocks give back their points, and their headers tell the truth about them.

use super::*;
use crate::engine::codec::tests::{columns, damaged, same};
use crate::engine::source::Number;
use proptest::prelude::*;

/// Strictly rising times for `count` rows.
fn rising(count: usize, steps: &[u32], unit: i64) -> Vec<i64> {
    let mut time = -1_000_000_000;
    let step =
        |row: usize| i64::from(steps.get(row % steps.len().max(1)).copied().unwrap_or(9)) + 1;
    let mut next = |row| {
        time += step(row) * unit;
        time
    };
    (0..count).map(&mut next).collect()
}

fn points() -> impl Strategy<Value = (Vec<i64>, Values)> {
    let unit = prop_oneof![Just(1_i64), Just(1_000_000_000)];
    (
        columns(),
        prop::collection::vec(0_u32..1_000_000, 0..40),
        unit,
    )
        .prop_map(|(values, steps, unit)| (rising(values.len(), &steps, unit), values))
}

fn holds_nan(values: &Values) -> bool {
    matches!(values, Values::Float(values) if values.iter().any(|value| value.is_nan()))
}

fn bits(number: Number) -> Option<u64> {
    match number {
        Number::Float(value) => Some(value.to_bits()),
        Number::Integer(value) => Some(value.cast_unsigned()),
        Number::Unsigned(value) => Some(value),
        Number::None => None,
    }
}

proptest! {
    #[test]
    fn inline_blocks_come_back((times, values) in points()) {
        let mut bytes = Vec::new();
        encode_block(&BlockInput { times: &times, values: &values }, TimeColumn::Inline, &mut bytes);
        let header = BlockHeader::parse(&bytes).unwrap();
        prop_assert_eq!(header.count(), times.len());
        prop_assert_eq!(header.field_type(), values.field_type());
        prop_assert!(!header.is_time_shared());
        if !times.is_empty() {
            prop_assert_eq!(Some(&header.first_time()), times.first());
            prop_assert_eq!(Some(&header.last_time()), times.last());
        }
        prop_assert_eq!(decode_block_times(&bytes, None), Ok(times));
        prop_assert!(same(&decode_block_values(&bytes).unwrap(), &values));
        if !holds_nan(&values) {
            let (stored, computed) = (header.stats(), stats_of_values(&values));
            for (a, b) in [
                (stored.min, computed.min),
                (stored.max, computed.max),
                (stored.sum, computed.sum),
                (stored.first, computed.first),
                (stored.last, computed.last),
            ] {
                prop_assert_eq!(bits(a), bits(b), "{:?} {:?}", stored, computed);
            }
            prop_assert_eq!((stored.min_row, stored.max_row), (computed.min_row, computed.max_row));
        }
    }

    #[test]
    fn shared_blocks_come_back((all, values) in points(), holes: Vec<bool>) {
        let presence: Vec<bool> =
            (0..all.len()).map(|row| !holes.get(row % holes.len().max(1)).unwrap_or(&false)).collect();
        let mut mine = Values::new(values.field_type());
        let rows = presence.iter().enumerate().filter(|(_, present)| **present);
        rows.for_each(|(row, _)| mine.push_from(&values, row));
        let times: Vec<i64> =
            all.iter().zip(&presence).filter(|(_, p)| **p).map(|(time, _)| *time).collect();
        let mut shared = Vec::new();
        encode_time_block(&all, &mut shared);
        let shared = decode_time_block(&shared).unwrap();
        prop_assert_eq!(&shared, &all);
        let mut bytes = Vec::new();
        let column = TimeColumn::Shared { presence: Some(&presence) };
        encode_block(&BlockInput { times: &times, values: &mine }, column, &mut bytes);
        prop_assert_eq!(decode_block_times(&bytes, Some(&shared)), Ok(times));
        prop_assert!(same(&decode_block_values(&bytes).unwrap(), &mine));

        let mut bytes = Vec::new();
        let column = TimeColumn::Shared { presence: None };
        encode_block(&BlockInput { times: &all, values: &values }, column, &mut bytes);
        prop_assert_eq!(decode_block_times(&bytes, Some(&shared)), Ok(all));
        prop_assert!(same(&decode_block_values(&bytes).unwrap(), &values));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_blocks_never_panic((times, values) in points(), seed: u64) {
        let mut bytes = Vec::new();
        encode_block(&BlockInput { times: &times, values: &values }, TimeColumn::Inline, &mut bytes);
        for bad in damaged(&bytes, seed) {
            let Ok(header) = BlockHeader::parse(&bad) else { continue };
            // A constant column of a damaged, large count is slow in this loop, not wrong.
            if header.count() > 100_000 {
                continue;
            }
            let _ = decode_block_times(&bad, Some(&times));
            if let Ok(values) = decode_block_values(&bad) {
                prop_assert_eq!(values.len(), header.count());
            }
        }
    }
}

#[test]
fn integer_sums_wrap_and_extremes_are_the_first_of_their_value() {
    let values = Values::Integer(vec![i64::MAX, 1, i64::MAX, 1]);
    let mut bytes = Vec::new();
    let input = BlockInput {
        times: &[1, 2, 3, 4],
        values: &values,
    };
    encode_block(&input, TimeColumn::Inline, &mut bytes);
    let header = BlockHeader::parse(&bytes).unwrap();
    assert_eq!(header.stats().sum, Number::Integer(0));
    assert_eq!((header.stats().min_row, header.stats().max_row), (1, 0));
}

#[test]
fn a_regular_block_of_equal_integers_is_a_few_bytes() {
    let times: Vec<i64> = (0..1080)
        .map(|row| (1_451_606_400 + row * 10) * 1_000_000_000)
        .collect();
    let values = Values::Integer(vec![42; times.len()]);
    let mut bytes = Vec::new();
    let input = BlockInput {
        times: &times,
        values: &values,
    };
    encode_block(&input, TimeColumn::Shared { presence: None }, &mut bytes);
    assert!(bytes.len() <= 16, "{}", bytes.len());
    assert_eq!(decode_block_times(&bytes, None), Ok(times));
}
