//! `/metrics` in Prometheus' text format.

use super::AppState;
use crate::ingest::outbound::Loss;
use crate::replication::ReplicationFigures;
use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Upper bounds of the request duration histogram, seconds.
const BUCKETS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// Route pattern, method, status.
type Key = (String, String, u16);

#[derive(Default, Clone)]
struct Requests {
    count: u64,
    seconds: f64,
    within: [u64; BUCKETS.len()],
}

/// Requests since start, by route; refused ones count like all others.
#[derive(Default)]
pub struct HttpMetrics {
    requests: Mutex<BTreeMap<Key, Requests>>,
}

impl HttpMetrics {
    pub fn add(&self, route: &str, method: &str, status: u16, took: Duration) {
        let mut requests = self.requests.lock();
        let key = (route.to_owned(), method.to_owned(), status);
        let entry = requests.entry(key).or_default();
        let seconds = took.as_secs_f64();
        entry.count += 1;
        entry.seconds += seconds;
        for (within, bound) in entry.within.iter_mut().zip(BUCKETS) {
            *within += u64::from(seconds <= bound);
        }
    }

    fn write(&self, out: &mut String) {
        let requests = self.requests.lock().clone();
        let labels = |(route, method, status): &Key| {
            format!(
                "path=\"{}\",method=\"{method}\",response_code=\"{status}\"",
                escape(route)
            )
        };
        head(
            out,
            "http_api_requests_total",
            "counter",
            "HTTP requests answered.",
        );
        for (key, entry) in &requests {
            let _ = writeln!(
                out,
                "http_api_requests_total{{{}}} {}",
                labels(key),
                entry.count
            );
        }
        let name = "http_api_request_duration_seconds";
        head(
            out,
            name,
            "histogram",
            "Time from the request's head to the answer's head.",
        );
        for (key, entry) in &requests {
            let labels = labels(key);
            for (within, bound) in entry.within.iter().zip(BUCKETS) {
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {within}");
            }
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", entry.count);
            let _ = writeln!(out, "{name}_sum{{{labels}}} {}", entry.seconds);
            let _ = writeln!(out, "{name}_count{{{labels}}} {}", entry.count);
        }
    }
}

pub async fn metrics(state: Data<AppState>) -> HttpResponse {
    let mut out = String::with_capacity(8 << 10);
    state.metrics.write(&mut out);
    write_figures(&state, &mut out);
    write_tasks(&state, &mut out);
    write_replications(&state.replicator.figures(), &mut out);
    write_process(&state, &mut out);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(out)
}

fn write_figures(state: &AppState, out: &mut String) {
    let figures = state.writer.figures();
    let mut one = |name: &str, kind: &str, help: &str, value: u64| {
        head(out, name, kind, help);
        let _ = writeln!(out, "{name} {value}");
    };
    let wide = |value: usize| value as u64;
    one(
        "influxd_queue_bytes",
        "gauge",
        "Bytes of batches in the write queue.",
        wide(figures.queued_bytes),
    );
    one(
        "influxd_queue_max_bytes",
        "gauge",
        "Bound of the write queue.",
        wide(figures.queue_max_bytes),
    );
    one(
        "influxd_accepted_batches_total",
        "counter",
        "Batches queued.",
        figures.accepted_batches,
    );
    one(
        "influxd_accepted_points_total",
        "counter",
        "Points written.",
        figures.accepted_points,
    );
    one(
        "influxd_accepted_values_total",
        "counter",
        "Field values written.",
        figures.accepted_values,
    );
    one(
        "influxd_overloaded_batches_total",
        "counter",
        "Batches refused with 503 because the queue was full.",
        figures.refused_batches_overloaded,
    );
    one(
        "influxd_storage_sync_failed",
        "gauge",
        "1 when a sync failed and nothing is acknowledged until a restart.",
        u64::from(figures.sync_failed),
    );
    one(
        "influxd_storage_syncs_total",
        "counter",
        "Syncs by sync-interval that had something to write.",
        figures.syncs,
    );
    if let Some(free) = figures.free_bytes {
        one(
            "influxd_storage_free_bytes",
            "gauge",
            "Free bytes on the file system of the data directory.",
            free,
        );
    }
    one(
        "influxd_query_memory_bytes",
        "gauge",
        "Bytes that the running queries hold together.",
        wide(state.query_memory.used_bytes()),
    );
    one(
        "influxd_head_bytes",
        "gauge",
        "Bytes of points in memory.",
        wide(figures.head_bytes),
    );
    one(
        "influxd_head_series",
        "gauge",
        "Series with points in memory.",
        wide(figures.head_series),
    );
    one(
        "influxd_journal_entries",
        "gauge",
        "Journal entries that are not wholly sealed.",
        figures.journal_entries,
    );
    one(
        "influxd_seals_total",
        "counter",
        "Heads sealed.",
        figures.seals,
    );
    one(
        "influxd_sealed_blocks_total",
        "counter",
        "Blocks written by seals.",
        figures.sealed_blocks,
    );
    one(
        "influxd_series_created_total",
        "counter",
        "New series.",
        figures.series_created,
    );
    for (name, value) in &figures.storage {
        let name = name.replace(['.', '-'], "_");
        one(&name, "gauge", "Figure of the storage engine.", *value);
    }
    head(
        out,
        "influxd_rejected_points_total",
        "counter",
        "Valid points that were not written.",
    );
    for rejected in &figures.rejected {
        let _ = writeln!(
            out,
            "influxd_rejected_points_total{{bucket=\"{}\",reason=\"{}\"}} {}",
            rejected.bucket, rejected.reason, rejected.points
        );
    }
}

fn write_tasks(state: &AppState, out: &mut String) {
    let figures = state.tasks.figures();
    let now = [
        (
            "influxd_tasks_active",
            "Tasks that run on their schedule.",
            figures.active,
        ),
        (
            "influxd_task_runs_running",
            "Runs of tasks that go on.",
            figures.running,
        ),
        (
            "influxd_task_runs_waiting",
            "Runs of tasks that wait.",
            figures.waiting,
        ),
    ];
    for (name, help, value) in now {
        head(out, name, "gauge", help);
        let _ = writeln!(out, "{name} {value}");
    }
    let name = "influxd_task_runs_total";
    head(out, name, "counter", "Runs of tasks that ended.");
    for (status, value) in [
        ("success", figures.succeeded),
        ("failed", figures.failed),
        ("canceled", figures.canceled),
    ] {
        let _ = writeln!(out, "{name}{{status=\"{status}\"}} {value}");
    }
    let name = "influxd_task_catch_ups_cut_total";
    head(
        out,
        name,
        "counter",
        "Times that more runs were missed than are made up for.",
    );
    let _ = writeln!(out, "{name} {}", figures.skipped);
}

fn write_replications(replications: &[ReplicationFigures], out: &mut String) {
    type Figure = fn(&ReplicationFigures) -> u64;
    let all: [(&str, &str, &str, Figure); 5] = [
        (
            "influxd_replication_queue_bytes",
            "gauge",
            "Bytes that wait to be sent to the remote.",
            |figures| figures.queue.bytes,
        ),
        (
            "influxd_replication_queue_max_bytes",
            "gauge",
            "Bound of the replication's queue.",
            |figures| figures.queue.max_bytes,
        ),
        (
            "influxd_replication_sent_points_total",
            "counter",
            "Points that the remote has written.",
            |figures| figures.status.sent_points,
        ),
        (
            "influxd_replication_sent_bytes_total",
            "counter",
            "Line protocol that the remote has written.",
            |figures| figures.status.sent_bytes,
        ),
        (
            "influxd_replication_failed_requests_total",
            "counter",
            "Requests to the remote that are tried again.",
            |figures| figures.status.failed_requests,
        ),
    ];
    for (name, kind, help, figure) in all {
        head(out, name, kind, help);
        for one in replications {
            let _ = writeln!(out, "{name}{{replication=\"{}\"}} {}", one.id, figure(one));
        }
    }
    let name = "influxd_replication_dropped_points_total";
    head(out, name, "counter", "Points that left the queue unsent.");
    for one in replications {
        for (loss, points) in Loss::ALL.iter().zip(one.queue.dropped) {
            let reason = loss.name();
            let _ = writeln!(
                out,
                "{name}{{replication=\"{}\",reason=\"{reason}\"}} {points}",
                one.id
            );
        }
    }
}

fn write_process(state: &AppState, out: &mut String) {
    head(
        out,
        "influxd_uptime_seconds",
        "gauge",
        "Seconds since start.",
    );
    let _ = writeln!(
        out,
        "influxd_uptime_seconds {}",
        state.started.elapsed().as_secs_f64()
    );
    if let Some(bytes) = resident_bytes() {
        head(
            out,
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory.",
        );
        let _ = writeln!(out, "process_resident_memory_bytes {bytes}");
    }
    head(
        out,
        "influxd_build_info",
        "gauge",
        "Version of this program.",
    );
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(out, "influxd_build_info{{version=\"{version}\"}} 1");
}

/// From /proc, where there is one.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
