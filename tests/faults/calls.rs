//! Calls that fail, by a library loaded before the C library.

use crate::support::ledger::Ledger;
use crate::support::{Server, ServerBuilder, wait_for};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The library, or nothing where there is no C compiler.
fn shim() -> Option<&'static Path> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = SHIM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(source)
            .arg("-ldl")
            .status();
        match built {
            Ok(status) => {
                assert!(status.success(), "cc: {status}");
                Some(library)
            }
            Err(error) => {
                eprintln!("skipped: no C compiler (cc): {error}");
                None
            }
        }
    });
    built.as_deref()
}

/// Faults that are switched on and off while the server runs.
struct Control(tempfile::TempDir);

impl Control {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn set(&self, fault: &str) {
        std::fs::write(self.0.path().join(fault), "").unwrap();
    }

    fn clear(&self, fault: &str) {
        std::fs::remove_file(self.0.path().join(fault)).unwrap();
    }
}

fn faulty(shim: &Path, control: &Control) -> ServerBuilder {
    Server::builder()
        .variable("LD_PRELOAD", shim.to_str().unwrap())
        .variable("FAULT_CONTROL", control.0.path().to_str().unwrap())
        .variable("FAULT_DIRECTORY", "/tmp")
}

fn count(server: &Server) -> usize {
    server
        .flux("from(bucket: \"bucket\") |> range(start: 0)")
        .len()
}

/// Promise: writes get 503, reads go on, the service resumes by itself, nothing acknowledged is lost.
#[test]
fn without_space_writes_are_refused_until_there_is_space_again() {
    let Some(shim) = shim() else { return };
    let control = Control::new();
    let mut server = faulty(shim, &control).start();
    server.write("m f=1 1").expect(204);
    control.set("write-enospc");
    let refused = wait_for("a refused write", 30, || {
        let answer = server.write("m f=2 2");
        (answer.status != 204).then_some(answer)
    });
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    assert!(
        refused.text().contains("No space left"),
        "{}",
        refused.text()
    );
    assert!(count(&server) >= 1);
    server.write("m f=3 3").expect(503);
    control.clear("write-enospc");
    wait_for("writes after there is space", 60, || {
        (server.write("m f=4 4").status == 204).then_some(())
    });
    server.get("/health").send().expect(200);
    let before = count(&server);
    server = server.kill_and_restart();
    assert_eq!(count(&server), before);
    let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
    assert!(rows.column("_value").contains(&"4".to_owned()));
}

/// Promise: what a failed sync may have lost is not built upon. Nothing is acknowledged until a restart, and
/// everyone who asks hears why.
#[test]
fn a_failed_sync_ends_acknowledging_until_a_restart() {
    let Some(shim) = shim() else { return };
    for sync in ["always", "interval"] {
        let control = Control::new();
        let mut server = faulty(shim, &control).flag("storage-sync", sync).start();
        server.write("m f=1 1").expect(204);
        control.set("sync-eio");
        let refused = wait_for("a refused write", 30, || {
            let answer = server.write("m f=2 2");
            (answer.status != 204).then_some(answer)
        });
        assert_eq!(refused.status, 503, "{}", refused.text());
        let health = wait_for("a failed sync in /health", 30, || {
            let answer = server.get("/health").anonymous().send();
            (answer.status == 503).then_some(answer)
        });
        assert!(health.text().contains("sync"), "{}", health.text());
        control.clear("sync-eio");
        let refused = server.write("m f=3 3").expect(503);
        assert!(refused.text().contains("sync"), "{}", refused.text());
        assert!(count(&server) >= 1, "reads go on");
        let metrics = server.metrics();
        assert!(
            metrics.contains("influxd_storage_sync_failed 1"),
            "{metrics}"
        );
        server = server.kill_and_restart();
        server.write("m f=4 4").expect(204);
        let rows = server.flux("from(bucket: \"bucket\") |> range(start: 0)");
        let values = rows.column("_value");
        assert!(values.contains(&"1".to_owned()) && values.contains(&"4".to_owned()));
        assert!(!values.contains(&"3".to_owned()));
    }
}

/// Promise: whichever call fails, what was acknowledged is there after a restart, and nothing else.
#[test]
fn whichever_write_or_sync_fails_nothing_acknowledged_is_lost() {
    let Some(shim) = shim() else { return };
    let rounds = std::env::var("FAULT_ROUNDS").ok();
    let rounds: usize = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(6);
    for round in 0..rounds {
        let control = Control::new();
        let (variable, nth) = match round % 2 {
            // What a start itself writes and syncs comes before.
            0 => ("FAULT_NTH_WRITE", 150 + round * 97),
            _ => ("FAULT_NTH_SYNC", 40 + round * 7),
        };
        let mut server = faulty(shim, &control)
            .flag("storage-sync", "always")
            .flag("storage-head-max-bytes", "1MiB")
            .variable(variable, &nth.to_string())
            .start();
        let mut ledger = Ledger::new(round);
        ledger.write_batches(&server, 60, 400);
        server = server.kill_and_restart_without(&[variable, "LD_PRELOAD"]);
        ledger.check(&server);
        eprintln!(
            "{variable}={nth}: {} points acknowledged",
            ledger.acknowledged_points()
        );
    }
}
