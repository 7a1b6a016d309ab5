//! Every codec gives back what it was given, and survives what it was not.

use super::*;
use crate::model::StrColumn;
use proptest::prelude::*;

const EFFORTS: [Effort; 2] = [Effort::Fast, Effort::Small];

/// Integers as sensors, counters, ids and adversaries send them.
pub fn integers() -> impl Strategy<Value = Vec<i64>> {
    let extreme = prop_oneof![
        Just(i64::MIN),
        Just(i64::MIN + 1),
        Just(-1_i64),
        Just(0),
        Just(1),
        Just(i64::MAX - 1),
        Just(i64::MAX),
        any::<i64>(),
    ];
    let walk = (any::<i64>(), prop::collection::vec(-3_i64..=3, 0..1500)).prop_map(summed);
    let counter = (any::<i64>(), prop::collection::vec(0_i64..100_000, 0..700)).prop_map(summed);
    let burst = prop::collection::vec(
        prop_oneof![20 => Just(0_i64), 2 => -9_i64..9, 1 => any::<i64>()],
        0..700,
    );
    let coarse = prop::collection::vec((0_i64..500).prop_map(|page| page * 4096 + 7), 0..300);
    prop_oneof![
        prop::collection::vec(extreme, 0..300),
        walk,
        counter,
        burst,
        coarse,
        prop::collection::vec(0_i64..=100, 0..700),
        (any::<i64>(), 0_usize..3000).prop_map(|(value, count)| vec![value; count]),
        (any::<i64>(), any::<i64>(), 0_i64..300).prop_map(|(first, step, count)| {
            (0..count)
                .map(|row| first.wrapping_add(step.wrapping_mul(row)))
                .collect()
        }),
    ]
}

fn summed((first, steps): (i64, Vec<i64>)) -> Vec<i64> {
    let walked = steps.into_iter().scan(first, |value, step| {
        *value = value.wrapping_add(step);
        Some(*value)
    });
    walked.collect()
}

/// Doubles: decimals, noise, and every odd bit pattern.
pub fn doubles() -> impl Strategy<Value = Vec<f64>> {
    let odd = prop_oneof![
        Just(0.0_f64),
        Just(-0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MIN_POSITIVE),
        Just(5e-324),
        Just(f64::MAX),
        Just(f64::MIN),
        Just(0.1 + 0.2),
        any::<u64>().prop_map(f64::from_bits),
    ];
    let decimal = |places: i32| {
        (-1_000_000_i64..1_000_000).prop_map(move |whole| whole as f64 / 10_f64.powi(places))
    };
    let walk = prop::collection::vec(-300_i64..300, 0..1500).prop_map(|steps| {
        summed((5000, steps))
            .iter()
            .map(|&i| i as f64 / 100.0)
            .collect()
    });
    let noisy = prop::collection::vec(20.0..30.0_f64, 0..600);
    let mixed = prop::collection::vec(prop_oneof![30 => decimal(1), 1 => odd.clone()], 0..300);
    prop_oneof![
        prop::collection::vec(odd.clone(), 0..300),
        (0..9).prop_flat_map(move |places| prop::collection::vec(decimal(places), 0..300)),
        walk,
        noisy,
        mixed,
        (odd, 0_usize..2000).prop_map(|(value, count)| vec![value; count]),
    ]
}

pub fn booleans() -> impl Strategy<Value = Vec<bool>> {
    prop_oneof![
        prop::collection::vec(any::<bool>(), 0..300),
        prop::collection::vec(prop::bool::weighted(0.01), 0..3000),
        (any::<bool>(), 0_usize..3000).prop_map(|(value, count)| vec![value; count]),
    ]
}

pub fn strings() -> impl Strategy<Value = StrColumn> {
    let column = |texts: Vec<String>| {
        let mut column = StrColumn::default();
        texts.iter().for_each(|text| column.push(text));
        column
    };
    let few = prop_oneof!["ok", "", "failed", "é\u{1F980}"];
    prop_oneof![
        prop::collection::vec(".{0,20}", 0..60).prop_map(column),
        prop::collection::vec(few, 0..500).prop_map(column),
        prop::collection::vec("host-[0-9]{4}\\.example\\.org", 0..200).prop_map(column),
        (0_usize..70_000).prop_map(move |length| column(vec!["x".repeat(length), "y".to_owned()])),
    ]
}

pub fn columns() -> impl Strategy<Value = Values> {
    prop_oneof![
        doubles().prop_map(Values::Float),
        integers().prop_map(Values::Integer),
        integers().prop_map(|values| {
            Values::Unsigned(values.into_iter().map(i64::cast_unsigned).collect())
        }),
        booleans().prop_map(Values::Boolean),
        strings().prop_map(Values::String),
    ]
}

/// Equal bit by bit: NaN is itself and -0.0 is not 0.0.
pub fn same(a: &Values, b: &Values) -> bool {
    match (a, b) {
        (Values::Float(a), Values::Float(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        (a, b) => a == b,
    }
}

/// Times regular, jittered, with gaps, unsorted, and extreme.
pub fn times() -> impl Strategy<Value = Vec<i64>> {
    let unit = prop_oneof![
        Just(1_i64),
        Just(1000),
        Just(1_000_000),
        Just(1_000_000_000)
    ];
    let steps = prop_oneof![
        prop::collection::vec(Just(10_i64), 0..500),
        prop::collection::vec(9_000_000_i64..11_000_000, 0..500),
        prop::collection::vec(prop_oneof![20 => Just(10_i64), 1 => 1_i64..1000], 0..500),
    ];
    prop_oneof![
        (unit, steps).prop_map(|(unit, steps)| {
            summed((
                1_451_606_400_000_000_000,
                steps.into_iter().map(|s| s * unit).collect(),
            ))
        }),
        integers(),
    ]
}

/// What damage makes of `bytes`: every truncation and many flips.
pub fn damaged(bytes: &[u8], seed: u64) -> impl Iterator<Item = Vec<u8>> + '_ {
    let flips = (0..bytes.len().min(400)).map(move |index| {
        let mut damaged = bytes.to_vec();
        let random = (seed ^ index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let at = if index < 24 {
            index
        } else {
            random as usize % bytes.len()
        };
        damaged[at] ^= (1 << (random % 8)) | (u8::from(index % 3 == 0) * 0x55);
        damaged
    });
    let step = (bytes.len() / 300).max(1);
    (0..bytes.len())
        .step_by(step)
        .map(|length| bytes[..length].to_vec())
        .chain(flips)
}

proptest! {
    #[test]
    fn columns_come_back(values in columns()) {
        for effort in EFFORTS {
            let mut bytes = Vec::new();
            encode_values(&values, effort, &mut bytes);
            let back = decode_values(values.field_type(), &bytes, values.len());
            prop_assert!(back.as_ref().is_ok_and(|back| same(back, &values)), "{effort:?} {back:?}");
        }
    }

    #[test]
    fn times_come_back(times in times()) {
        for effort in EFFORTS {
            let mut bytes = Vec::new();
            encode_times(&times, effort, &mut bytes);
            prop_assert_eq!(decode_times(&bytes, times.len()), Ok(times.clone()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_columns_never_panic(values in columns(), seed: u64) {
        for effort in EFFORTS {
            let mut bytes = Vec::new();
            encode_values(&values, effort, &mut bytes);
            for bad in damaged(&bytes, seed) {
                if let Ok(back) = decode_values(values.field_type(), &bad, values.len()) {
                    prop_assert_eq!(back.len(), values.len());
                }
                let _ = decode_values(values.field_type(), &bad, values.len() / 2 + 2000);
            }
        }
    }

    #[test]
    fn damaged_times_never_panic(times in times(), seed: u64) {
        let mut bytes = Vec::new();
        encode_times(&times, Effort::Small, &mut bytes);
        for bad in damaged(&bytes, seed) {
            if let Ok(back) = decode_times(&bad, times.len()) {
                prop_assert_eq!(back.len(), times.len());
            }
        }
    }

    #[test]
    fn noise_is_no_column_and_no_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        tag in 0_u8..255,
        count in 0_usize..5000,
    ) {
        let tagged: Vec<u8> = std::iter::once(tag).chain(bytes).collect();
        for field_type in FieldType::ALL {
            let _ = decode_values(field_type, &tagged, count);
        }
        let _ = decode_times(&tagged, count);
    }
}

#[test]
fn a_count_above_the_limit_is_refused() {
    let mut bytes = Vec::new();
    encode_i64(&[7, 7], Effort::Small, &mut bytes);
    let mut out = Vec::new();
    let refused = decode_i64_into(&bytes, COUNT_MAX + 1, &mut out);
    assert_eq!(
        refused,
        Err(CodecError::Count {
            count: COUNT_MAX + 1
        })
    );
}

#[test]
fn regular_times_are_a_few_bytes() {
    let times: Vec<i64> = (0..1080)
        .map(|row| (1_451_606_400 + row * 10) * 1_000_000_000)
        .collect();
    let mut bytes = Vec::new();
    encode_times(&times, Effort::Fast, &mut bytes);
    assert!(bytes.len() <= 8, "{}", bytes.len());
}
