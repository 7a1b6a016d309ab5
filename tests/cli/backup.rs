//! `influxd backup`, `restore` and `reset-token`: nothing acknowledged is missing, nothing is ever half.

use crate::run::{Ran, anonymous, command, finish, run};
use crate::support::ledger::Ledger;
use crate::support::{Server, wait_for};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Where a test keeps backups.
fn place(server: &Server) -> PathBuf {
    server.directory().join("backups")
}

fn restore(backups: &Path, into: &TempDir, more: &[&str]) -> Ran {
    let path = into.path().join("db");
    let mut arguments = vec!["restore", text(backups), "--storage-path", text(&path)];
    arguments.extend(more);
    finish(anonymous(&arguments), b"")
}

fn start(directory: TempDir) -> Server {
    Server::builder().in_directory(Arc::new(directory)).start()
}

fn count(server: &Server) -> i64 {
    let results = server.influxql("SELECT count(n) FROM m");
    results[0]["series"][0]["values"][0][1]
        .as_i64()
        .unwrap_or(0)
}

fn fetched(ran: &Ran) -> u64 {
    let mut words = ran
        .err
        .split_whitespace()
        .skip_while(|word| *word != "fetched");
    words.nth(1).unwrap().parse().unwrap()
}

#[test]
fn every_backup_is_whole_and_fetches_only_what_is_new() {
    let server = Server::start();
    let backups = place(&server);
    let mut ledger = Ledger::new(0);
    ledger.write_batches(&server, 5, 20_000);
    let first = run(&server, &["backup", text(&backups)]).expect(0);
    let before = count(&server);
    let after_first = fetched(&first);
    server.write("m,t=later n=1i 1").expect(204);
    let second = run(&server, &["backup", text(&backups)]).expect(0);
    assert!(
        fetched(&second) < after_first / 2,
        "{} {}",
        first.err,
        second.err
    );
    let full = run(&server, &["backup", "--full", text(&backups)]).expect(0);
    assert!(fetched(&full) > after_first / 2, "{}", full.err);
    let list = finish(
        anonymous(&["inspect", "backup", text(&backups), "--format", "csv"]),
        b"",
    );
    assert_eq!(list.expect(0).out.matches(",whole\n").count(), 3);

    for (name, points) in [(first.out.trim(), before), (second.out.trim(), before + 1)] {
        let directory = tempfile::tempdir().unwrap();
        restore(&backups, &directory, &["--backup", name]).expect(0);
        let restored = start(directory);
        assert_eq!(count(&restored), points);
        ledger.check(&restored);
        // It lives on.
        restored.write("m,t=after n=2i 2").expect(204);
        assert_eq!(count(&restored), points + 1);
        let restored = restored.kill_and_restart();
        assert_eq!(count(&restored), points + 1);
    }
    run(
        &server,
        &["backup", text(&backups), "--keep", "1", "--quiet"],
    )
    .expect(0);
    let directory = tempfile::tempdir().unwrap();
    restore(&backups, &directory, &["--backup", first.out.trim()]).expect(1);
    restore(&backups, &directory, &[]).expect(0);
}

#[test]
fn a_backup_under_load_has_all_that_was_acknowledged_before() {
    let server = Server::builder()
        .flag("storage-head-max-bytes", "1MiB")
        .start();
    let backups = place(&server);
    let done = AtomicBool::new(false);
    let mut before = Ledger::new(0);
    std::thread::scope(|scope| {
        for writer in 1..4 {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                let mut ledger = Ledger::new(writer);
                while !done.load(Ordering::Relaxed) {
                    ledger.write_batches(server, 1, 2_000);
                }
            });
        }
        for _ in 0..6 {
            before.write_batches(&server, 5, 500);
            run(&server, &["backup", text(&backups)]).expect(0);
            let directory = tempfile::tempdir().unwrap();
            restore(&backups, &directory, &[]).expect(0);
            before.check(&start(directory));
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(count(&server) > 30_000);
}

#[test]
fn a_killed_backup_leaves_only_whole_ones() {
    let server = Server::start();
    let backups = place(&server);
    let mut ledger = Ledger::new(0);
    for round in 0..10 {
        ledger.write_batches(&server, 2, 10_000);
        let mut child = command(&server, &["backup", "--full", text(&backups)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(3 + round * 4));
        child.kill().unwrap();
        child.wait().unwrap();
        if backups.join("manifests").exists() {
            finish(anonymous(&["inspect", "backup", text(&backups)]), b"").expect(0);
        }
    }
    run(&server, &["backup", text(&backups)]).expect(0);
    assert!(!backups.join("objects/partial").exists());
    finish(anonymous(&["inspect", "backup", text(&backups)]), b"").expect(0);
    let directory = tempfile::tempdir().unwrap();
    restore(&backups, &directory, &[]).expect(0);
    ledger.check(&start(directory));
}

#[test]
fn a_killed_restore_leaves_the_old_database_or_the_new_one() {
    let server = Server::start();
    let backups = place(&server);
    let mut ledger = Ledger::new(0);
    ledger.write_batches(&server, 10, 20_000);
    let points = count(&server);
    run(&server, &["backup", text(&backups)]).expect(0);
    let mut old = Server::start();
    old.write("m,t=old n=1i 1").expect(204);
    old.terminate();
    let path = old.data_directory();
    let arguments = [
        "restore",
        text(&backups),
        "--replace",
        "--storage-path",
        text(&path),
    ];
    for round in 0..12 {
        let mut child = anonymous(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(1 + round * 3));
        child.kill().unwrap();
        child.wait().unwrap();
        let check = Server::builder().flag("storage-path", text(&path)).start();
        let found = count(&check);
        assert!(found == 1 || found == points, "{found} points");
        drop(check);
    }
    finish(anonymous(&arguments), b"").expect(0);
    let restored = Server::builder().flag("storage-path", text(&path)).start();
    ledger.check(&restored);
    // The old database is still there under some name.
    let kept = path.with_file_name("db.before-restore-1");
    assert!(kept.join("CURRENT").exists());
}

#[test]
fn damaged_backups_and_directories_in_use_are_refused() {
    let server = Server::start();
    let backups = place(&server);
    server.write("m n=1i 1").expect(204);
    run(&server, &["backup", text(&backups)]).expect(0);
    let used = server.data_directory();
    let in_use = ["restore", text(&backups), "--storage-path", text(&used)];
    let refused = finish(anonymous(&in_use), b"").expect(1);
    assert!(refused.err.contains("--replace"), "{}", refused.err);
    let mut replacing = in_use.to_vec();
    replacing.push("--replace");
    let refused = finish(anonymous(&replacing), b"").expect(1);
    assert!(refused.err.contains("another process"), "{}", refused.err);

    let largest = std::fs::read_dir(backups.join("objects"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&largest, bytes).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let refused = restore(&backups, &directory, &[]).expect(1);
    assert!(refused.err.contains("checksum"), "{}", refused.err);
    assert!(!directory.path().join("db").exists());
    let list = finish(anonymous(&["inspect", "backup", text(&backups)]), b"").expect(1);
    assert!(list.out.contains("damaged"), "{}", list.out);
}

#[test]
fn only_operators_make_backups() {
    let server = Server::start();
    let token = server.create_token(&[("read", "buckets", None)]);
    let backups = place(&server);
    let arguments = ["backup", text(&backups), "--token", &token];
    let refused = run(&server, &arguments).expect(1);
    assert!(
        refused.err.contains("read:instance is unauthorized"),
        "{}",
        refused.err
    );
    let checkpoint = server
        .post("/api/v2/backup/checkpoints")
        .send()
        .expect(201)
        .json();
    let path = format!(
        "/api/v2/backup/checkpoints/{}",
        checkpoint["id"].as_str().unwrap()
    );
    server
        .get(&format!("{path}/CURRENT"))
        .token(&token)
        .send()
        .expect_error(401, "unauthorized");
    server.get(&format!("{path}/CURRENT")).send().expect(200);
    for name in ["..%2f..%2fLOCK", "%2e%2e", "nothing", ".."] {
        assert_ne!(
            server.get(&format!("{path}/{name}")).send().status,
            200,
            "{name}"
        );
    }
    server.delete(&path).send().expect(204);
    server
        .get(&format!("{path}/CURRENT"))
        .send()
        .expect_error(404, "not found");
}

#[test]
fn a_lost_operator_token_is_replaced_offline() {
    let server = Server::start();
    let path = server.data_directory();
    let reset = ["reset-token", "--storage-path", text(&path)];
    let running = finish(anonymous(&reset), b"").expect(5);
    assert!(running.err.contains("another process"), "{}", running.err);
    let mut server = server;
    server.terminate();
    let token = finish(anonymous(&reset), b"").expect(0).out;
    let mut server = server.into_builder().start();
    server.token = token.trim().to_owned();
    wait_for("the buckets", 30, || {
        (server.get("/api/v2/buckets").send().status == 200).then_some(())
    });
    run(&server, &["bucket", "create", "made-with-the-new-token"]).expect(0);
    let nowhere = ["reset-token", "--storage-path", "/nonexistent/influxd"];
    finish(anonymous(&nowhere), b"").expect(5);
}

#[test]
fn a_restored_database_gets_an_operator_token_of_its_own() {
    let server = Server::start();
    let backups = place(&server);
    run(&server, &["backup", text(&backups), "--quiet"]).expect(0);
    let directory = tempfile::tempdir().unwrap();
    let token = restore(&backups, &directory, &["--new-operator-token"])
        .expect(0)
        .out;
    let mut restored = start(directory);
    restored.token = token.trim().to_owned();
    run(&restored, &["bucket", "list"]).expect(0);
    assert_eq!(
        server
            .get("/api/v2/buckets")
            .token(&restored.token)
            .send()
            .status,
        401
    );
}

/// Promise: a kill at any time leaves whole backups and whole databases, also while points come in.
#[test]
fn kills_under_load_leave_whole_backups_and_whole_databases() {
    let mut server = Server::builder()
        .flag("storage-head-max-bytes", "1MiB")
        .start();
    let backups = place(&server);
    let mut ledgers: Vec<Ledger> = (0..2).map(Ledger::new).collect();
    let target = tempfile::tempdir().unwrap();
    let path = target.path().join("db");
    for round in 0..12 {
        let delay = Duration::from_millis(20 + round * 17);
        let kill_server = server.killer();
        std::thread::scope(|scope| {
            let (server, backups) = (&server, &backups);
            for ledger in &mut ledgers {
                scope.spawn(move || ledger.write_until_cut_off(server, 500));
            }
            let quiet = |arguments: &[&str]| {
                let mut command = command(server, arguments);
                command.stdout(Stdio::null()).stderr(Stdio::null());
                command.spawn().unwrap()
            };
            let mut backup = quiet(&["backup", text(backups)]);
            let mut restore = quiet(&[
                "restore",
                text(backups),
                "--replace",
                "--storage-path",
                text(&path),
            ]);
            std::thread::sleep(delay);
            // In turn the server, the backup and the restore go first; the others are in the middle of it.
            match round % 3 {
                0 => kill_server(),
                1 => {
                    backup.kill().unwrap();
                    kill_server();
                }
                _ => {
                    restore.kill().unwrap();
                    backup.wait().unwrap();
                    kill_server();
                }
            }
            backup.wait().unwrap();
            restore.wait().unwrap();
        });
        server = server.kill_and_restart();
        if backups.join("manifests").exists() {
            finish(anonymous(&["inspect", "backup", text(&backups)]), b"").expect(0);
        }
        if path.join("CURRENT").exists() {
            // Whole, whichever of the backups it is.
            Server::builder().flag("storage-path", text(&path)).start();
        }
    }
    let points: i64 = ledgers.iter().map(Ledger::acknowledged_points).sum();
    assert!(
        points > 5_000,
        "only {points} points: the test tests nothing"
    );
    run(&server, &["backup", text(&backups)]).expect(0);
    let into = tempfile::tempdir().unwrap();
    restore(&backups, &into, &[]).expect(0);
    let restored = start(into);
    for ledger in &ledgers {
        ledger.check(&server);
        ledger.check(&restored);
    }
}
