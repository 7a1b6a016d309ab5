//! What each step of a point's way costs: parsing, the codecs, the head, sealing, reading back.
//!
//! `cargo bench --bench engine` measures all, `cargo bench --bench engine -- codec` what is named so.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a bench fails by panicking, on data of its own"
)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use influxd::engine::codec::{Effort, decode_times, decode_values, encode_times, encode_values};
use influxd::engine::head::Head;
use influxd::engine::pages::Pages;
use influxd::engine::run::{ColumnIn, RowsIn};
use influxd::engine::scan::Scanner;
use influxd::engine::seal::seal;
use influxd::engine::shards::Shards;
use influxd::engine::source::{FieldInfo, StatsNeeded};
use influxd::line_protocol::{ParseOptions, Parser};
use influxd::model::{
    BucketId, FieldId, FieldType, Precision, SeriesId, StrColumn, TimeRange, Values,
};
use influxd::storage::{Store, StoreOptions, SyncMode};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

const START_NS: i64 = 1_451_606_400_000_000_000;
const STEP_NS: i64 = 10_000_000_000;
/// One shard holds all points.
const SHARD_NS: i64 = START_NS;
const SERIES: u32 = 100;
const ROWS: usize = 1080;
const FIELDS: u32 = 10;

/// The same numbers in each run.
fn noise(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    }
}

/// A walk of a gauge between 0 and 100.
fn walk(rows: usize, seed: u64) -> Vec<i64> {
    let mut next = noise(seed);
    let steps = (0..rows).scan(50_i64, |value, _| {
        *value = (*value + next(7).cast_signed() - 3).clamp(0, 100);
        Some(*value)
    });
    steps.collect()
}

fn body(lines: usize) -> String {
    let mut next = noise(1);
    let mut body = String::new();
    for line in 0..lines {
        let host = line % SERIES as usize;
        write!(
            body,
            "cpu,host=host_{host},region=eu-west-1,os=Ubuntu16.04LTS,rack=7 "
        )
        .unwrap();
        for field in 0..FIELDS {
            let comma = if field == 0 { "" } else { "," };
            write!(body, "{comma}usage_{field}={}.{:02}", next(100), next(100)).unwrap();
        }
        let time = START_NS + (line / SERIES as usize) as i64 * STEP_NS;
        writeln!(body, " {time}").unwrap();
    }
    body
}

fn parser(c: &mut Criterion) {
    let mut group = c.benchmark_group("parser");
    let options = ParseOptions {
        precision: Precision::Nanoseconds,
        default_time_ns: 0,
        batch_max_bytes: 64 << 20,
    };
    let body = body(5000);
    group.throughput(Throughput::Elements(5000));
    let mut parser = Parser::new(16 << 20);
    group.bench_function("lines of known series", |b| {
        b.iter(|| parser.parse(black_box(body.as_bytes()), options).unwrap());
    });
    group.bench_function("lines of new series", |b| {
        b.iter_batched_ref(
            || Parser::new(16 << 20),
            |parser| parser.parse(black_box(body.as_bytes()), options).unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

/// Columns as they come: name and values.
fn columns() -> Vec<(&'static str, Values)> {
    let integers = walk(ROWS, 2);
    let mut next = noise(3);
    let whole = integers.iter().map(|&value| value as f64).collect();
    let decimals = (0..ROWS).map(|_| next(10_000) as f64 / 100.0).collect();
    let noisy = (0..ROWS).map(|_| next(1 << 30) as f64 / 3e7).collect();
    let mut states = StrColumn::default();
    for _ in 0..ROWS {
        states.push(["ok", "warning", "failed"].get(next(3) as usize).unwrap());
    }
    vec![
        ("walk of whole doubles", Values::Float(whole)),
        ("doubles of two decimals", Values::Float(decimals)),
        ("noisy doubles", Values::Float(noisy)),
        ("integers", Values::Integer(integers)),
        (
            "booleans",
            Values::Boolean((0..ROWS).map(|_| next(9) == 0).collect()),
        ),
        ("few strings", Values::String(states)),
    ]
}

fn codecs(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec");
    group.throughput(Throughput::Elements(ROWS as u64));
    let mut out = Vec::new();
    for (name, values) in columns() {
        for effort in [Effort::Fast, Effort::Small] {
            group.bench_function(format!("{name}, encode {effort:?}"), |b| {
                b.iter(|| {
                    out.clear();
                    encode_values(black_box(&values), effort, &mut out);
                });
            });
            group.bench_function(format!("{name}, decode {effort:?}"), |b| {
                b.iter(|| decode_values(values.field_type(), black_box(&out), ROWS).unwrap());
            });
        }
    }
    let mut next = noise(4);
    let jitter: Vec<i64> = times()
        .iter()
        .map(|t| t + next(1_000_000).cast_signed())
        .collect();
    for (name, times) in [("regular times", times()), ("jittered times", jitter)] {
        group.bench_function(format!("{name}, encode Small"), |b| {
            b.iter(|| {
                out.clear();
                encode_times(black_box(&times), Effort::Small, &mut out);
            });
        });
        group.bench_function(format!("{name}, decode Small"), |b| {
            b.iter(|| decode_times(black_box(&out), ROWS).unwrap());
        });
    }
    group.finish();
}

fn times() -> Vec<i64> {
    (0..ROWS as i64)
        .map(|row| START_NS + row * STEP_NS)
        .collect()
}

fn bucket() -> BucketId {
    BucketId::new(7).unwrap()
}

/// A head with so many rows of each series, which came in batches of ten rows a series.
fn filled_head() -> Head {
    const BATCH: usize = 10;
    let columns: Arc<[ColumnIn]> = (0..FIELDS)
        .map(|field| ColumnIn {
            field: FieldId(field + 1),
            field_type: FieldType::Float,
            at: field,
        })
        .collect();
    let walked = walk(ROWS * FIELDS as usize, 5);
    let bits: Vec<u64> = walked
        .iter()
        .map(|&value| (value as f64).to_bits())
        .collect();
    let starts: Vec<u32> = (0..BATCH as u32).map(|row| row * FIELDS).collect();
    let head = Head::new(1);
    let batches = times();
    let batches = batches
        .chunks(BATCH)
        .zip(bits.chunks(BATCH * FIELDS as usize));
    for (times, values) in batches {
        head.append(|appender| {
            for series in 0..SERIES {
                let rows = RowsIn {
                    times,
                    starts: &starts,
                    columns: &columns,
                    values,
                    strings: &[],
                };
                appender.append(bucket(), SeriesId(series + 1), SHARD_NS, &rows);
            }
        });
    }
    head
}

fn store(directory: &tempfile::TempDir) -> Arc<Store> {
    let options = StoreOptions {
        path: directory.path().join("db"),
        block_cache_bytes: 64 << 20,
        write_buffer_bytes: 64 << 20,
        sync: SyncMode::Never,
    };
    Arc::new(Store::open(&options).unwrap())
}

const VALUES: u64 = SERIES as u64 * ROWS as u64 * FIELDS as u64;

fn head_and_seal(c: &mut Criterion) {
    let mut group = c.benchmark_group("head");
    group.sample_size(10);
    group.throughput(Throughput::Elements(VALUES));
    group.bench_function("append", |b| b.iter_with_large_drop(filled_head));
    group.finish();

    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let shards = Shards::load(&store).unwrap();
    let mut group = c.benchmark_group("seal");
    group.sample_size(10);
    group.throughput(Throughput::Elements(VALUES));
    group.bench_function("blocks", |b| {
        b.iter_batched(
            || filled_head().freeze(0),
            |frozen| seal(&store, &shards, 0, &frozen, 1).unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn scan(c: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory);
    let shards = Arc::new(Shards::load(&store).unwrap());
    let head = Arc::new(filled_head());
    let scanner = Scanner {
        store: Arc::clone(&store),
        shards: Arc::clone(&shards),
        pages: Arc::new(Pages::new(Arc::clone(&store))),
        heads: vec![Arc::clone(&head)],
    };
    let mut group = c.benchmark_group("scan");
    group.throughput(Throughput::Elements(u64::from(SERIES) * ROWS as u64));
    measure_scan(&mut group, "head", &scanner);
    let frozen = head.freeze(0);
    seal(&store, &shards, 0, &frozen, 1).unwrap();
    head.release(&frozen);
    measure_scan(&mut group, "blocks", &scanner);
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// One field of all series: its points, and its hourly statistics.
fn measure_scan(group: &mut Group<'_>, place: &str, scanner: &Scanner) {
    let field = FieldInfo {
        id: FieldId(4),
        name: "usage_3".into(),
        field_type: FieldType::Float,
    };
    group.bench_function(format!("points of the {place}"), |b| {
        b.iter(|| {
            for series in 0..SERIES {
                let id = SeriesId(series + 1);
                let points = scanner.read(bucket(), id, &field, TimeRange::ALL).unwrap();
                assert_eq!(points.times.len(), ROWS);
            }
        });
    });
    let hours: Vec<i64> = (0..=3)
        .map(|hour| START_NS + hour * 3_600_000_000_000)
        .collect();
    group.bench_function(format!("hourly statistics of the {place}"), |b| {
        b.iter(|| {
            for series in 0..SERIES {
                let (id, needed) = (SeriesId(series + 1), StatsNeeded::default());
                let windows = scanner
                    .window_stats(bucket(), id, &field, &hours, needed)
                    .unwrap();
                assert_eq!(windows.len(), 3);
            }
        });
    });
}

criterion_group!(benches, parser, codecs, head_and_seal, scan);
criterion_main!(benches);
