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

#[test]
fn blocks_may_span_all_of_time() {
    use crate::model::{TIME_MAX, TIME_MIN};
    for times in [
        vec![TIME_MIN, TIME_MAX],
        vec![TIME_MIN, 0, 7, TIME_MAX],
        vec![TIME_MAX],
    ] {
        let values = Values::Integer(times.clone());
        let mut bytes = Vec::new();
        let input = BlockInput {
            times: &times,
            values: &values,
        };
        encode_block(&input, TimeColumn::Inline, &mut bytes);
        let header = BlockHeader::parse(&bytes).unwrap();
        assert_eq!(times.first(), Some(&header.first_time()));
        assert_eq!(times.last(), Some(&header.last_time()));
        assert_eq!(decode_block_times(&bytes, None), Ok(times));
        assert_eq!(decode_block_values(&bytes), Ok(values));
    }
}

/// Blocks as version 1 wrote them. They must be readable for ever: never change what is below.
mod written_by_version_1 {
    use super::*;

    fn check(hex: &str, times: &[i64], values: &Values) {
        let mut bytes = Vec::new();
        encode_block(
            &BlockInput { times, values },
            TimeColumn::Inline,
            &mut bytes,
        );
        let written: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let old: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        assert_eq!(
            decode_block_times(&old, None).as_deref(),
            Ok(times),
            "now {written}"
        );
        assert!(
            same(&decode_block_values(&old).unwrap(), values),
            "now {written}"
        );
        let (old, new) = (
            BlockHeader::parse(&old).unwrap(),
            BlockHeader::parse(&bytes).unwrap(),
        );
        assert_eq!(old.stats(), new.stats());
    }

    fn regular_times(count: i64) -> Vec<i64> {
        (0..count)
            .map(|row| (1_700_000_000 + row * 10) * 1_000_000_000)
            .collect()
    }

    /// Small steps that look random.
    fn walk(count: i64) -> Vec<i64> {
        (0..count)
            .map(|row| 50 + row * 7919 % 13 % 4 + row * row % 5)
            .collect()
    }

    #[test]
    fn coded_integers() {
        check(
            "222ac80180fa8fa201c7016407a20500010008016403181da5d7740ea313f65acc612cc33e8a39\
             e86548473135bd03c4e828bda673189db0d7620e6319f651cc412f433a8aa9e903254647e9359d\
             c3e884bd167318cbb08f620e7a19d2514c4d032f313a",
            &regular_times(200),
            &Values::Integer(walk(200)),
        );
    }

    #[test]
    fn packed_unsigned_integers() {
        let values = walk(12)
            .into_iter()
            .map(|value| value.cast_unsigned() << 40)
            .collect();
        check(
            "232a0c80fa8fa2010b8080808080c00c8080808080e00180808080808009008080808080400008\
             2180808080808019002c00000000000600000000200000000000f4ffffffff9f0000000000f2ff\
             ffffff1f0000000000080000000040ffffffffff090000000020ffffffffff01",
            &regular_times(12),
            &Values::Unsigned(values),
        );
    }

    #[test]
    fn decimals_with_an_exception_at_irregular_times() {
        let mut times = regular_times(40);
        times
            .iter_mut()
            .step_by(3)
            .for_each(|time| *time += 1_000_000);
        let mut values: Vec<f64> = walk(40).into_iter().map(|v| v as f64 / 100.0).collect();
        values[7] = -0.0;
        check(
            "29462882a0abfef962f0e61700000000000000803d0ad7a3703de23f0bd7a3703dca3440000000\
             000000e03f52b81e85eb51e03f0708102100a09c01026118866118866118862122020107000000\
             0000000080016403181d25d7740ea313f65acc612cc33e",
            &times,
            &Values::Float(values),
        );
    }

    #[test]
    fn noisy_doubles() {
        let values = walk(40)
            .into_iter()
            .map(|value| (value as f64).sqrt())
            .collect();
        check(
            "214a2880fa8fa20127c00a1f00c6481c405ccf56cc07331e405a35586dc3417240c00a1f00c648\
             1c40ce432d9dd2901c4000080361d2efb787a4b58f9d80013251e2af401eac010000000000a0bb\
             d6b2ffbf08b0a178780a6835709306051cad0fade04e355203376950c091f7f29967ad45e6a6bf\
             576528ae0fade04e35020000000000c0fad00aee5423e6a6bf576528eaaeb5ecff2f0200000000\
             004094f82b90076b000000000000e8aeb5ecff2f026c281e9e025a0ddca441014735709306051c\
             e9aeb5ecff2fe2bd7ce6596b91b9e9ef55198aeb432bb8538d0000000000005003376950c011b0\
             a178780a68ba6b2dfbff8b0000000000001025fe0ae4c11a000000000000ba6b2dfbff8b782f9f\
             79d65aa4bbd6b2ffbf480ddca4410147ba6b2dfbff8b782f9f79d65a646efa7b5586620ddca441\
             0147",
            &regular_times(40),
            &Values::Float(values),
        );
    }

    #[test]
    fn booleans() {
        let values = walk(40).into_iter().map(|value| value > 54).collect();
        check(
            "240a2880fa8fa20127028811c40862",
            &regular_times(40),
            &Values::Boolean(values),
        );
    }

    #[test]
    fn strings() {
        let mut values = crate::model::StrColumn::default();
        walk(40)
            .into_iter()
            .for_each(|value| values.push(&format!("state {}", value % 3)));
        check(
            "250a2880fa8fa2012701030d010002109989054465120159590002000e15737461746520327374\
             617465203073746174652031",
            &regular_times(40),
            &Values::String(values),
        );
    }
}
