//! The write path against a plain model: random batches, seals and crashes; what is read is what was
//! acknowledged.

use super::api::PointWriter;
use super::front::{Ingest, IngestOptions};
use super::submission::Message;
use crate::engine::page_merge::{GroupPlace, Rules};
use crate::engine::source::{Number, SeriesPredicate, Source, StatsNeeded, TextMatch};
use crate::line_protocol::batch::{BatchSeries, FieldLayout, ParsedBatch, Row};
use crate::model::{
    BucketId, BucketSettings, FieldId, FieldType, FieldValue, SeriesKey, TimeRange,
};
use crate::series::fields::SchemaScope;
use crate::storage::keys::BlockKey;
use crate::storage::{Store, StoreOptions, SyncMode, families};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const SHARD_NS: i64 = 3_600_000_000_000;

fn bucket() -> BucketSettings {
    let id = BucketId::new(7).unwrap();
    BucketSettings {
        id,
        org: id,
        retention_ns: 0,
        shard_ns: SHARD_NS,
        monitoring: None,
    }
}

fn open(path: &Path, writers: u16) -> Arc<Ingest> {
    let options = StoreOptions {
        path: path.to_owned(),
        block_cache_bytes: 1 << 20,
        write_buffer_bytes: 16 << 20,
        sync: SyncMode::Never,
    };
    let store = Arc::new(Store::open(&options).unwrap());
    let options = IngestOptions {
        writers,
        queue_max_bytes: 64 << 20,
        acknowledge_queued: false,
        head_max_bytes: 16 << 10,
        scope: SchemaScope::Series,
        max_series_per_bucket: 0,
        min_free_bytes: 0,
    };
    let ingest = Ingest::open(store, options).unwrap();
    ingest.set_bucket(bucket());
    ingest.recover_and_run().unwrap();
    ingest
}

#[derive(Debug, Clone)]
struct TestPoint {
    host: u8,
    time: i64,
    /// Which of the fields a, b, c have a value; c is a string.
    fields: Vec<(u8, i64)>,
}

fn batch(points: &[TestPoint]) -> ParsedBatch {
    let mut batch = ParsedBatch::default();
    for point in points {
        let key = SeriesKey::new("m", [("host", format!("h{}", point.host).as_str())]);
        let series = batch
            .series
            .iter()
            .position(|series| series.key == key)
            .unwrap_or_else(|| {
                let hash = SeriesKey::hash64(key.as_bytes());
                batch.series.push(BatchSeries { key, hash });
                batch.series.len() - 1
            });
        let fields = point
            .fields
            .iter()
            .map(|(field, _)| (name(*field).into(), kind(*field)));
        let layout = Arc::new(FieldLayout {
            fields: fields.collect(),
        });
        let layout = batch
            .layouts
            .iter()
            .position(|have| *have == layout)
            .unwrap_or_else(|| {
                batch.layouts.push(layout);
                batch.layouts.len() - 1
            });
        let values_at = batch.values.len() as u32;
        for (field, value) in &point.fields {
            let bits = match kind(*field) {
                FieldType::Float => (*value as f64 / 4.0).to_bits(),
                FieldType::String => {
                    let at = batch.strings.len() as u64;
                    let text = value.to_string();
                    batch.strings.extend_from_slice(text.as_bytes());
                    at << 32 | text.len() as u64
                }
                _ => value.cast_unsigned(),
            };
            batch.values.push(bits);
        }
        batch.rows.push(Row {
            series: series as u32,
            layout: layout as u32,
            values_at,
            time: point.time,
        });
    }
    batch
}

fn name(field: u8) -> &'static str {
    ["a", "b", "c"][usize::from(field)]
}

fn kind(field: u8) -> FieldType {
    [FieldType::Integer, FieldType::Float, FieldType::String][usize::from(field)]
}

fn value(field: u8, value: i64) -> FieldValue {
    match kind(field) {
        FieldType::Float => FieldValue::Float(value as f64 / 4.0),
        FieldType::String => FieldValue::String(value.to_string().into()),
        _ => FieldValue::Integer(value),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<TestPoint>),
    /// Of one host or all, one field or all, in a range.
    Delete(Option<u8>, Option<u8>, TimeRange),
    /// Heads become blocks and pages.
    Seal,
    /// Pages are merged wherever there are two.
    Merge,
    /// Blocks are merged wherever two overlap or are small.
    MergeBlocks,
    /// The process ends without a word; the number of writers may change.
    Crash(u16),
    Stop,
}

fn point() -> impl Strategy<Value = TestPoint> {
    let fields = prop::collection::btree_map(0_u8..3, -50_i64..50, 1..4);
    // Mostly close together, sometimes in another shard.
    let time = prop_oneof![4 => 0_i64..200, 1 => SHARD_NS - 50..SHARD_NS + 50];
    (0_u8..4, time, fields).prop_map(|(host, time, fields)| TestPoint {
        host,
        time,
        fields: fields.into_iter().collect(),
    })
}

fn ordered() -> impl Strategy<Value = Vec<TestPoint>> {
    (0_u8..4, 0_i64..1000, 1_usize..2500).prop_map(|(host, start, count)| {
        (0..count as i64)
            .map(|n| TestPoint {
                host,
                time: start + n,
                fields: vec![(0, n % 7), (1, n % 5)],
            })
            .collect()
    })
}

fn deletion() -> impl Strategy<Value = Step> {
    let range = prop_oneof![
        3 => (-10_i64..1500, 1_i64..1500).prop_map(|(start, length)| TimeRange::new(start, start + length)),
        1 => Just(TimeRange::ALL),
    ];
    (
        prop::option::of(0_u8..4),
        prop::option::weighted(0.3, 0_u8..3),
        range,
    )
        .prop_map(|(host, field, range)| Step::Delete(host, field, range))
}

fn delete(
    ingest: &Ingest,
    model: &mut Model,
    host: Option<u8>,
    field: Option<u8>,
    range: TimeRange,
) {
    let mut parts = vec![SeriesPredicate::Measurement(TextMatch::Equal("m".into()))];
    if let Some(host) = host {
        let tag = TextMatch::Equal(format!("h{host}").into());
        parts.push(SeriesPredicate::Tag("host".into(), tag));
    }
    if let Some(field) = field {
        let field = TextMatch::Equal(name(field).into());
        parts.push(SeriesPredicate::Field(field));
    }
    ingest
        .delete(bucket().id, &SeriesPredicate::And(parts), range)
        .unwrap();
    let mut touched = std::collections::BTreeSet::new();
    for ((of_host, of_field), points) in model.iter_mut() {
        if host.is_none_or(|host| host == *of_host) && field.is_none_or(|field| field == *of_field)
        {
            points.retain(|time, _| !range.contains(*time));
            touched.insert(*of_host);
        }
    }
    // A series without any point is gone, with all its fields.
    for host in touched {
        if model
            .iter()
            .all(|((other, _), points)| *other != host || points.is_empty())
        {
            model.retain(|(other, _), _| *other != host);
        }
    }
}

fn seal(ingest: &Ingest) {
    for (sender, partition) in ingest.senders.iter().zip(&ingest.partitions) {
        let seals = partition.unsealed_entries();
        sender.send(Message::Seal).unwrap();
        while seals > 0 && partition.unsealed_entries() > 0 {
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
    }
}

fn merge(ingest: &Ingest) {
    let mut places = std::collections::BTreeSet::new();
    for shard in ingest.shards.of(bucket().id) {
        ingest
            .pages
            .scan_shard(bucket().id, shard.start, |key, _| {
                places.insert(GroupPlace {
                    bucket: key.bucket,
                    shard: key.shard,
                    group: key.group,
                });
                Ok(())
            })
            .unwrap();
    }
    let rules = Rules {
        pages_min: 2,
        block_rows_min: 20,
    };
    for place in places {
        ingest.pages.merge(&ingest.shards, place, rules).unwrap();
    }
}

fn merge_blocks(ingest: &Ingest) -> usize {
    let shards = ingest.shards.of(bucket().id);
    let merge = |start| ingest.merge_blocks_of((bucket().id, start), 1, &|| false);
    shards.iter().map(|shard| merge(shard.start).unwrap()).sum()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(point(), 1..60).prop_map(Step::Write),
        2 => ordered().prop_map(Step::Write),
        1 => deletion(),
        2 => Just(Step::Seal),
        1 => Just(Step::Merge),
        2 => Just(Step::MergeBlocks),
        1 => (1_u16..4).prop_map(Step::Crash),
        1 => Just(Step::Stop),
    ]
}

type Model = BTreeMap<(u8, u8), BTreeMap<i64, i64>>;

fn check(ingest: &Arc<Ingest>, model: &Model) -> Result<(), TestCaseError> {
    let reader = ingest.reader();
    let id = bucket().id;
    let everything = reader
        .select(id, &SeriesPredicate::All, TimeRange::ALL)
        .unwrap();
    let fields: usize = everything.iter().map(|series| series.fields.len()).sum();
    prop_assert_eq!(fields, model.len());
    for field in 0..3 {
        for range in [TimeRange::ALL, TimeRange::new(50, 150)] {
            let of_field = model.iter().filter(|((_, other), _)| *other == field);
            let inside =
                |points: &BTreeMap<i64, i64>| points.range(range.start..range.stop).count();
            let want = of_field.map(|(_, points)| inside(points) as u64).sum();
            let got = reader.count_all(id, "m", name(field), range).unwrap();
            prop_assert_eq!(got, Some(want));
        }
    }
    for ((host, field), points) in model {
        let tag = TextMatch::Equal(format!("h{host}").into());
        let predicate = SeriesPredicate::And(vec![
            SeriesPredicate::Tag("host".into(), tag),
            SeriesPredicate::Field(TextMatch::Equal(name(*field).into())),
        ]);
        let series = reader.select(id, &predicate, TimeRange::ALL).unwrap();
        prop_assert_eq!(series.len(), 1);
        let info = &series[0].fields[0];
        for range in [TimeRange::ALL, TimeRange::new(50, 150)] {
            let got = reader.read(id, series[0].id, info, range).unwrap();
            let want: Vec<_> = points
                .range(range.start..range.stop)
                .map(|(time, number)| (*time, value(*field, *number)))
                .collect();
            let got: Vec<_> = got
                .times
                .iter()
                .enumerate()
                .map(|(row, time)| (*time, got.values.get(row).unwrap()))
                .collect();
            prop_assert_eq!(got, want);
        }
        let bounds = [-10, 0, 64, 128, 1000, SHARD_NS, SHARD_NS + 100];
        let needed = StatsNeeded {
            extreme_times: true,
        };
        let stats = reader
            .window_stats(id, series[0].id, info, &bounds, needed)
            .unwrap();
        for (window, pair) in bounds.windows(2).enumerate() {
            let want: Vec<_> = points.range(pair[0]..pair[1]).collect();
            let got = stats.iter().find(|stats| stats.window == window);
            prop_assert_eq!(got.map_or(0, |stats| stats.count), want.len() as u64);
            let Some(got) = got else { continue };
            prop_assert_eq!(got.first_time, *want[0].0);
            if kind(*field) == FieldType::Integer {
                let sum: i64 = want.iter().map(|(_, number)| **number).sum();
                let (min_time, min) = want.iter().min_by_key(|(_, number)| **number).unwrap();
                prop_assert_eq!(got.sum, Number::Integer(sum));
                prop_assert_eq!(
                    (got.min, got.min_time),
                    (Number::Integer(**min), **min_time)
                );
                prop_assert_eq!(got.last, Number::Integer(*want[want.len() - 1].1));
            }
        }
    }
    Ok(())
}

fn write(ingest: &Arc<Ingest>, points: &[TestPoint]) {
    let acknowledged = ingest.submit(bucket().id, batch(points), 0).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(acknowledged).unwrap();
}

proptest! {
    #[test]
    fn what_was_acknowledged_is_read_whatever_happens(steps in prop::collection::vec(step(), 1..20)) {
        let dir = tempfile::tempdir().unwrap();
        let mut ingest = open(dir.path(), 2);
        let mut model = Model::new();
        for step in &steps {
            match step {
                Step::Write(points) => {
                    write(&ingest, points);
                    for point in points {
                        for (field, number) in &point.fields {
                            model.entry((point.host, *field)).or_default().insert(point.time, *number);
                        }
                    }
                }
                Step::Delete(host, field, range) => delete(&ingest, &mut model, *host, *field, *range),
                Step::Seal => seal(&ingest),
                Step::Merge => merge(&ingest),
                Step::MergeBlocks => {
                    merge_blocks(&ingest);
                }
                Step::Crash(writers) => {
                    ingest.abandon();
                    drop(ingest);
                    ingest = open(dir.path(), *writers);
                }
                Step::Stop => {
                    ingest.stop();
                    prop_assert_eq!(ingest.figures().journal_entries, 0);
                    drop(ingest);
                    ingest = open(dir.path(), 2);
                    prop_assert_eq!(ingest.figures().journal_entries, 0);
                }
            }
            check(&ingest, &model)?;
        }
        ingest.stop();
    }
}

#[test]
fn blocks_that_lie_over_each_other_become_few() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(dir.path(), 2);
    let mut model = Model::new();
    // Each time the same 400 instants, with other values: only the last of them count.
    for round in 0..6 {
        let points: Vec<TestPoint> = (0..400)
            .map(|n| TestPoint {
                host: 1,
                time: n * 2,
                fields: vec![(0, n + round), (1, n % 5)],
            })
            .collect();
        write(&ingest, &points);
        seal(&ingest);
        for point in &points {
            for (field, number) in &point.fields {
                let of_field = model.entry((point.host, *field)).or_default();
                of_field.insert(point.time, *number);
            }
        }
    }
    let blocks = || {
        let mut blocks = 0;
        let count = |key: &[u8], _: &[u8]| {
            let key = BlockKey::decode(key).unwrap();
            blocks += usize::from(key.field != FieldId(0));
            true
        };
        ingest
            .store
            .scan(families::BLOCKS, &[], None, count)
            .unwrap();
        blocks
    };
    assert_eq!(blocks(), 12);
    assert_eq!(merge_blocks(&ingest), 10);
    assert_eq!(blocks(), 2);
    assert_eq!(merge_blocks(&ingest), 0);
    check(&ingest, &model).unwrap();
    // What comes later is newer still.
    let point = TestPoint {
        host: 1,
        time: 4,
        fields: vec![(0, 77)],
    };
    write(&ingest, &[point]);
    model.entry((1, 0)).or_default().insert(4, 77);
    check(&ingest, &model).unwrap();
    ingest.abandon();
    drop(ingest);
    check(&open(dir.path(), 2), &model).unwrap();
}

#[test]
fn the_first_type_wins_and_the_rest_of_the_batch_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(dir.path(), 1);
    let point = |time, field| TestPoint {
        host: 0,
        time,
        fields: vec![(field, 1)],
    };
    let mut conflicting = batch(&[point(1, 0), point(2, 1), point(3, 0)]);
    // The second row calls its float "a", too.
    conflicting.layouts[1] = Arc::new(FieldLayout {
        fields: [("a".into(), FieldType::Float)].into(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime
        .block_on(ingest.submit(bucket().id, conflicting, 0).unwrap())
        .unwrap();
    let rejected = ingest.figures().rejected;
    assert_eq!(
        (rejected[0].reason, rejected[0].points),
        ("type_conflict", 1)
    );
    assert_eq!(ingest.figures().accepted_points, 2);
    ingest.stop();
}

#[test]
fn a_deleted_bucket_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(dir.path(), 2);
    write(
        &ingest,
        &[TestPoint {
            host: 1,
            time: 5,
            fields: vec![(0, 1)],
        }],
    );
    ingest.delete_bucket(bucket().id).unwrap();
    ingest.set_bucket(bucket());
    check(&ingest, &Model::new()).unwrap();
    write(
        &ingest,
        &[TestPoint {
            host: 1,
            time: 6,
            fields: vec![(0, 2)],
        }],
    );
    let model = Model::from([((1, 0), BTreeMap::from([(6, 2)]))]);
    check(&ingest, &model).unwrap();
    ingest.abandon();
    drop(ingest);
    check(&open(dir.path(), 2), &model).unwrap();
}

#[test]
fn expired_shards_go_and_series_without_points_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = open(dir.path(), 2);
    let point = |host, time| TestPoint {
        host,
        time,
        fields: vec![(0, 1)],
    };
    write(&ingest, &[point(0, 5), point(1, 6), point(1, 3 * SHARD_NS)]);
    // Points in memory are not dropped; a restart seals them.
    ingest.stop();
    drop(ingest);
    let ingest = open(dir.path(), 2);
    ingest.set_bucket(BucketSettings {
        retention_ns: SHARD_NS,
        ..bucket()
    });
    ingest.enforce_retention(2 * SHARD_NS - 1);
    assert_eq!(ingest.reader().scanner.shards.of(bucket().id).len(), 2);
    ingest.enforce_retention(2 * SHARD_NS);
    ingest
        .reader()
        .wait_visible(std::time::Duration::from_secs(10))
        .unwrap();
    ingest.stop();
    let model = Model::from([((1, 0), BTreeMap::from([(3 * SHARD_NS, 1)]))]);
    check(&ingest, &model).unwrap();
    drop(ingest);
    check(&open(dir.path(), 2), &model).unwrap();
}
