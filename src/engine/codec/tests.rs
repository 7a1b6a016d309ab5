use super::*;
use crate::model::StrColumn;
use proptest::prelude::*;

fn round_trip(values: &Values) {
    for effort in [Effort::Fast, Effort::Small] {
        let mut bytes = Vec::new();
        encode_values(values, effort, &mut bytes);
        let back = decode_values(values.field_type(), &bytes, values.len()).unwrap();
        match (values, &back) {
            (Values::Float(want), Values::Float(got)) => {
                let bits = |all: &[f64]| all.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(want), bits(got), "{effort:?}");
            }
            _ => assert_eq!(values, &back, "{effort:?}"),
        }
        for cut in 0..bytes.len() {
            let _ = decode_values(values.field_type(), &bytes[..cut], values.len());
        }
    }
}

fn integers() -> impl Strategy<Value = Vec<i64>> {
    prop_oneof![
        prop::collection::vec(any::<i64>(), 0..300),
        prop::collection::vec(-3_i64..4, 0..600).prop_map(|steps| {
            steps
                .iter()
                .scan(50_i64, |at, step| {
                    *at += step;
                    Some(*at)
                })
                .collect()
        }),
        prop::collection::vec(prop_oneof![9 => 0_i64..5, 1 => any::<i64>()], 0..300),
        prop::collection::vec(Just(i64::MIN), 0..10),
        prop::collection::vec(prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0)], 0..200),
    ]
}

fn floats() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..200),
        prop::collection::vec(
            (0_i64..10_000).prop_map(|cents| cents as f64 / 100.0),
            0..600
        ),
        prop::collection::vec(
            prop_oneof![
                Just(-0.0),
                Just(0.0),
                Just(f64::MIN_POSITIVE / 8.0),
                Just(1e300),
                Just(0.1)
            ],
            0..100
        ),
        prop::collection::vec(-1e3_f64..1e3, 0..300),
    ]
}

proptest! {
    #[test]
    fn integers_come_back(values in integers()) {
        round_trip(&Values::Integer(values));
    }

    #[test]
    fn unsigned_come_back(values in integers()) {
        round_trip(&Values::Unsigned(values.into_iter().map(i64::cast_unsigned).collect()));
    }

    #[test]
    fn floats_come_back_bit_by_bit(values in floats()) {
        round_trip(&Values::Float(values));
    }

    #[test]
    fn booleans_come_back(values in prop::collection::vec(any::<bool>(), 0..300)) {
        round_trip(&Values::Boolean(values));
    }

    #[test]
    fn strings_come_back(texts in prop::collection::vec(prop_oneof![".{0,40}", "a|b|c", "x{300}"], 0..80)) {
        let mut column = StrColumn::default();
        texts.iter().for_each(|text| column.push(text));
        round_trip(&Values::String(column));
    }

    #[test]
    fn times_come_back(times in integers(), factor in prop_oneof![Just(1_i64), Just(1_000_000_000)]) {
        let times: Vec<i64> = times.into_iter().map(|time| time.wrapping_mul(factor)).collect();
        for effort in [Effort::Fast, Effort::Small] {
            let mut bytes = Vec::new();
            encode_times(&times, effort, &mut bytes);
            prop_assert_eq!(&decode_times(&bytes, times.len()).unwrap(), &times);
        }
    }

    #[test]
    fn damaged_bytes_never_panic(bytes: Vec<u8>, count in 0_usize..2000) {
        for field_type in FieldType::ALL {
            let _ = decode_values(field_type, &bytes, count);
        }
        let _ = decode_times(&bytes, count);
    }

    #[test]
    fn flipped_bits_never_panic(values in integers(), at: prop::sample::Index, bit in 0_u8..8) {
        let mut bytes = Vec::new();
        encode_values(&Values::Integer(values.clone()), Effort::Small, &mut bytes);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = decode_values(FieldType::Integer, &bytes, values.len());
        }
    }
}
