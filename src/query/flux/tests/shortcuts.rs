//! What a plan yields node by node, computed from points, is what it yields optimised and by shortcuts.
//!
//! `PIPELINES` says how many pipelines are tried and `PIPELINES_SEED` which. Each has a seed of its own, so a
//! failure is repeated with `PIPELINES_SEED=<its seed> PIPELINES=1`.

use super::memory::{OneBucket, id};
use super::pipelines::{Random, lines, pipeline};
use crate::encode::annotated_csv::Dialect;
use crate::engine::source::Source;
use crate::ingest::{Ingest, IngestOptions, PointWriter};
use crate::model::{BucketSettings, Precision};
use crate::query::context::QueryContext;
use crate::query::exec::{self, ExecOptions};
use crate::query::flux::{FluxRequest, request};
use crate::query::memory::MemoryPool;
use crate::query::optimise::optimise;
use crate::query::plan::Plan;
use crate::query::table::{Table, Value};
use crate::series::fields::SchemaScope;
use crate::storage::{Store, StoreOptions, SyncMode};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const PIPELINES: u64 = 200;
/// Sums of floats may differ so much, since blocks are summed by themselves.
const FLOAT_TOLERANCE: f64 = 1e-9;
/// Pipelines over the same points.
const PER_DATA: u64 = 50;

fn open(path: &Path) -> Arc<Ingest> {
    let options = StoreOptions {
        path: path.to_owned(),
        block_cache_bytes: 1 << 20,
        write_buffer_bytes: 16 << 20,
        sync: SyncMode::Never,
    };
    let store = Arc::new(Store::open(&options).unwrap());
    let options = IngestOptions {
        writers: 2,
        queue_max_bytes: 64 << 20,
        acknowledge_queued: false,
        head_max_bytes: 256 << 10,
        scope: SchemaScope::Series,
        max_series_per_bucket: 0,
        min_free_bytes: 0,
    };
    let ingest = Ingest::open(store, options).unwrap();
    ingest.set_bucket(BucketSettings {
        id: id(0xb),
        org: id(0xa),
        retention_ns: 0,
        shard_ns: 3_600_000_000_000,
        monitoring: None,
    });
    ingest.recover_and_run().unwrap();
    ingest
}

fn write(ingest: &Ingest, lines: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let written = ingest.write(id(0xb), lines.as_bytes(), Precision::Seconds, 0);
    runtime.block_on(written.unwrap()).unwrap();
}

/// Points in pages, in blocks and in memory, each with some that others replace.
fn stored(random: &mut Random, path: &Path) -> Arc<Ingest> {
    let ingest = open(path);
    for _ in 0..3 {
        let count = 1 + random.below(2500) as usize;
        write(&ingest, &lines(random, count));
    }
    ingest.stop();
    drop(ingest);
    let ingest = open(path);
    let count = 1 + random.below(1500) as usize;
    write(&ingest, &lines(random, count));
    ingest
}

fn context(source: &Arc<dyn Source>) -> QueryContext {
    const DAY: i64 = 86_400_000_000_000;
    QueryContext::new(
        Arc::clone(source),
        Arc::new(OneBucket),
        DAY,
        Duration::from_secs(60),
        256 << 20,
        Arc::new(MemoryPool::new(usize::MAX / 2)),
    )
}

type Tables = BTreeMap<String, Table>;

/// Floats with as many digits as the tolerance lets stand.
fn key_text(table: &Table) -> String {
    let parts = table.key.parts().iter();
    let text = parts.map(|(label, value)| match value {
        Value::Float(number) => format!("{label}={number:.6e}"),
        value => format!("{label}={value:?}"),
    });
    text.collect::<Vec<_>>().join(" ")
}

/// Tables by group key: the order of tables means nothing.
fn run(ctx: &QueryContext, plan: &Plan, options: ExecOptions) -> Result<Vec<Tables>, String> {
    let mut results = Vec::new();
    for (_, stream) in &plan.results {
        let mut tables = Tables::new();
        for table in exec::run(ctx, stream, options).map_err(|error| error.to_string())? {
            let table = table.map_err(|error| error.to_string())?;
            // A transformation may have taken away what told two keys apart.
            let key = |number: usize| format!("{} {number}", key_text(&table));
            let number = (0..).find(|number| !tables.contains_key(&key(*number)));
            tables.insert(key(number.unwrap_or_default()), table);
        }
        results.push(tables);
    }
    Ok(results)
}

fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => {
            a == b || (a - b).abs() <= FLOAT_TOLERANCE * a.abs().max(b.abs())
        }
        (a, b) => a == b,
    }
}

fn difference(want: &Table, got: &Table) -> Option<String> {
    let labels = |table: &Table| -> Vec<String> {
        let columns = table.columns.iter();
        columns
            .map(|column| format!("{}:{}", column.label, column.cells.kind().name()))
            .collect()
    };
    if labels(want) != labels(got) {
        return Some(format!("columns {:?}, not {:?}", labels(got), labels(want)));
    }
    if want.rows() != got.rows() {
        return Some(format!("{} rows, not {}", got.rows(), want.rows()));
    }
    for (a, b) in want.columns.iter().zip(&got.columns) {
        for row in 0..want.rows() {
            let (a_value, b_value) = (a.cells.get(row), b.cells.get(row));
            if !same_value(&a_value, &b_value) {
                let label = &a.label;
                return Some(format!("row {row}, {label}: {b_value:?}, not {a_value:?}"));
            }
        }
    }
    None
}

/// Whether there were rows to compare.
fn check(source: &Arc<dyn Source>, seed: u64) -> Result<bool, String> {
    let text = pipeline(&mut Random::new(seed));
    let told = format!("PIPELINES_SEED={seed}\n{text}");
    let ctx = context(source);
    let request = FluxRequest::new(text, Dialect::default());
    let plan = match request::plan(&ctx, &request) {
        Ok(plan) => plan,
        Err(error) => panic!("{told}{error}"),
    };
    let naive = ExecOptions {
        use_shortcuts: false,
    };
    let want = run(&ctx, &plan, naive);
    let got = run(&ctx, &optimise(plan), ExecOptions::default());
    match (want, got) {
        (Ok(want), Ok(got)) => {
            for (want, got) in want.iter().zip(&got) {
                let keys = |tables: &Tables| tables.keys().cloned().collect::<Vec<_>>();
                if keys(want) != keys(got) {
                    return Err(format!("{told}{:?}, not {:?}", keys(got), keys(want)));
                }
                for (key, table) in want {
                    if let Some(found) = difference(table, &got[key]) {
                        return Err(format!("{told}{key}: {found}"));
                    }
                }
            }
            let rows = want.iter().flat_map(BTreeMap::values).map(Table::rows);
            Ok(rows.sum::<usize>() > 0)
        }
        (Err(_), Err(_)) => Ok(false),
        (want, got) => Err(format!(
            "{told}node by node: {:?}, by shortcuts: {:?}",
            want.map(|_| ()),
            got.map(|_| ())
        )),
    }
}

#[test]
fn shortcuts_yield_what_the_nodes_yield() {
    let variable = |name: &str| Some(std::env::var(name).ok()?.parse::<u64>().unwrap());
    let count = variable("PIPELINES").unwrap_or(PIPELINES);
    let first = variable("PIPELINES_SEED").unwrap_or(1);
    let (mut failures, mut with_rows) = (Vec::new(), 0);
    let mut data: Option<(u64, Arc<Ingest>, tempfile::TempDir)> = None;
    for seed in first..first + count {
        let of = seed / PER_DATA;
        if data.as_ref().is_none_or(|(have, ..)| *have != of) {
            let dir = tempfile::tempdir().unwrap();
            let ingest = stored(&mut Random::new(of), dir.path());
            data = Some((of, ingest, dir));
        }
        let Some((_, ingest, _)) = &data else {
            continue;
        };
        let source: Arc<dyn Source> = Arc::new(ingest.reader());
        source.wait_visible(Duration::from_secs(20)).unwrap();
        match check(&source, seed) {
            Ok(rows) => with_rows += u64::from(rows),
            Err(failure) => failures.push(failure),
        }
    }
    // A generator whose pipelines mostly fail or yield nothing would prove nothing.
    assert!(
        count < 100 || with_rows * 2 > count,
        "{with_rows} of {count}"
    );
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
