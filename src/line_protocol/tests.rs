use super::reference::{self, ReferencePoint};
use super::*;
use crate::engine::run::text_at;
use crate::model::{FieldType, FieldValue, Precision};
use proptest::prelude::*;

fn options() -> ParseOptions {
    ParseOptions {
        precision: Precision::Nanoseconds,
        default_time_ns: 1_700_000_000_123_456_789,
        batch_max_bytes: 1 << 30,
    }
}

/// The batch as the reference parser would say it.
fn points(batch: &ParsedBatch) -> Vec<ReferencePoint> {
    batch
        .rows
        .iter()
        .map(|row| {
            let (measurement, tags) = batch.series[row.series as usize].key.parts();
            let layout = &batch.layouts[row.layout as usize];
            let values = &batch.values[row.values_at as usize..];
            let fields = layout
                .fields
                .iter()
                .zip(values)
                .map(|((name, field_type), &bits)| {
                    let value = match field_type {
                        FieldType::Float => FieldValue::Float(f64::from_bits(bits)),
                        FieldType::Integer => FieldValue::Integer(bits.cast_signed()),
                        FieldType::Unsigned => FieldValue::Unsigned(bits),
                        FieldType::Boolean => FieldValue::Boolean(bits != 0),
                        FieldType::String => {
                            FieldValue::String(text_at(&batch.strings, bits).into())
                        }
                    };
                    (name.to_string(), value)
                });
            ReferencePoint {
                measurement: measurement.to_owned(),
                tags: tags
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect(),
                fields: fields.collect(),
                time: row.time,
            }
        })
        .collect()
}

fn both_agree(parser: &mut Parser, body: &[u8]) -> Result<(), TestCaseError> {
    let want = reference::parse(body, options());
    // Twice: the second time from its caches.
    for _ in 0..2 {
        let got = parser.parse(body, options()).map(|batch| points(&batch));
        prop_assert_eq!(&got, &want, "{}", String::from_utf8_lossy(body));
    }
    Ok(())
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-c]{1,3}",
        1 => "[a-zé\\\\,= \"#]{1,5}",
        1 => "\\\\?[ ,=\"\\\\]a?",
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[0-9]{1,20}i",
        "[0-9]{1,21}u",
        "-?[0-9]{1,19}(\\.[0-9]{0,19})?",
        "-?\\.?[0-9]{0,3}[eE]?[+-]?[0-9]{0,3}",
        any::<f64>().prop_map(|value| value.to_string()),
        any::<f64>().prop_map(|value| format!("{value:e}")),
        "t|T|true|True|TRUE|f|F|false|False|FALSE|tru",
        "\"([a-zé ,=\n#]|\\\\\"|\\\\\\\\){0,8}\"",
        "[a-z\"0-9]{0,3}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    let tags = prop::collection::vec((part(), part()), 0..4);
    let fields = prop::collection::vec((part(), value()), 1..4);
    let time =
        prop_oneof![3 => " -?[0-9]{1,19}", 1 => Just(String::new()), 1 => " {0,2}[0-9a ]{0,3}"];
    (
        part(),
        tags,
        fields,
        time,
        prop_oneof![8 => Just("\n"), 1 => Just("\r\n"), 1 => Just(" \n")],
    )
        .prop_map(|(measurement, tags, fields, time, end)| {
            let tags: String = tags.iter().map(|(k, v)| format!(",{k}={v}")).collect();
            let fields: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("{measurement}{tags} {}{time}{end}", fields.join(","))
        })
}

fn valid_line() -> impl Strategy<Value = String> {
    (
        "[ab]",
        prop::collection::vec("[a-c]=[xy]", 0..3),
        prop::collection::vec("[fgh]=(1i|2.5|t|\"s\")", 1..4),
        0..9,
    )
        .prop_map(|(m, tags, fields, time)| {
            let tags: String = tags.iter().map(|tag| format!(",{tag}")).collect();
            format!("{m}{tags} {} {time}\n", fields.join(","))
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn both_parsers_agree_on_valid_lines(lines in prop::collection::vec(valid_line(), 1..12)) {
        both_agree(&mut Parser::new(1 << 20), lines.concat().as_bytes())?;
    }

    #[test]
    fn both_parsers_agree_on_odd_lines(lines in prop::collection::vec(line(), 1..4)) {
        let mut parser = Parser::new(1 << 20);
        for line in &lines {
            both_agree(&mut parser, line.as_bytes())?;
        }
        both_agree(&mut parser, lines.concat().as_bytes())?;
    }

    #[test]
    fn both_parsers_agree_on_mutated_bytes(
        lines in prop::collection::vec(line(), 1..4),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut parser = Parser::new(1 << 20);
        let mut body = lines.concat().into_bytes();
        both_agree(&mut parser, &body)?;
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        both_agree(&mut parser, &body)?;
    }

    #[test]
    fn bytes_of_any_kind_never_panic(body: Vec<u8>) {
        both_agree(&mut Parser::new(1 << 20), &body)?;
    }
}

#[test]
fn the_first_bad_line_is_named() {
    let error = Parser::new(0)
        .parse(b"\n# c\nm a=1\r\nm a=\"x\ny\"\nm b\nm c", options())
        .unwrap_err();
    assert_eq!(error.line(), 6);
    assert_eq!(
        error.to_string(),
        "unable to parse 'm b': missing field value"
    );
}

#[test]
fn another_order_of_tags_is_the_same_series() {
    let batch = Parser::new(0)
        .parse(b"m,a=1,b=2 f=1\nm,b=2,a=1 f=2", options())
        .unwrap();
    assert_eq!((batch.series.len(), batch.rows.len()), (1, 2));
}

#[test]
fn all_lines_without_a_timestamp_share_one_instant() {
    let options = ParseOptions {
        precision: Precision::Seconds,
        ..options()
    };
    let batch = Parser::new(0).parse(b"m a=1\nm a=2", options).unwrap();
    assert!(
        batch
            .rows
            .iter()
            .all(|row| row.time == 1_700_000_000_000_000_000)
    );
}

#[test]
fn a_batch_over_its_memory_is_refused() {
    let options = ParseOptions {
        batch_max_bytes: 100_000,
        ..options()
    };
    let body = "m a=1\n".repeat(10_000);
    let error = Parser::new(0).parse(body.as_bytes(), options).unwrap_err();
    assert_eq!(*error.reason(), Reason::BatchTooLarge(100_000));
}

#[test]
fn a_long_line_is_echoed_in_part() {
    let body = format!("m {}", "x".repeat(10_000));
    let error = Parser::new(0)
        .parse(body.as_bytes(), options())
        .unwrap_err();
    assert!(error.to_string().len() < 400, "{error}");
}
