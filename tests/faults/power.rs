//! Power cuts: the server runs on a file system in an image; what the image holds at some moment is what a
//! disk would hold after the power is cut.

use crate::mounts::Mount;
use crate::support::Server;
use crate::support::ledger::Ledger;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Promise: with `sync = "always"` a power cut loses nothing that was acknowledged.
#[test]
fn a_power_cut_loses_nothing_acknowledged_when_every_group_is_synced() {
    let rounds = std::env::var("POWER_ROUNDS").ok();
    let rounds: u64 = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(3);
    for round in 0..rounds {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let (image, copy) = (
            directory.path().join("image"),
            directory.path().join("copy"),
        );
        let at = directory.path().join("db");
        let Some(mount) = Mount::image(&image, &at) else {
            return;
        };
        let server = Server::builder()
            .in_directory(Arc::clone(&directory))
            .flag("storage-sync", "always")
            .flag("storage-head-max-bytes", "1MiB")
            .start();
        let mut ledger = Ledger::new(0);
        let freeze = server.signaller(libc::SIGSTOP);
        let kill = server.killer();
        std::thread::scope(|scope| {
            let (server, ledger) = (&server, &mut ledger);
            scope.spawn(move || ledger.write_until_cut_off(server, 300));
            std::thread::sleep(Duration::from_millis(700 + round * 333));
            // Stands still while the image is copied: nothing is synced meanwhile.
            freeze();
            std::fs::copy(&image, &copy).unwrap();
            kill();
        });
        let builder = server.into_builder();
        drop(mount);
        let Some(mount) = Mount::image(&copy, &at) else {
            return;
        };
        let server = builder.start();
        ledger.check(&server);
        eprintln!(
            "round {round}: {} points acknowledged",
            ledger.acknowledged_points()
        );
        assert!(ledger.acknowledged_points() > 0);
        drop(server);
        drop(mount);
    }
}

/// Promise: with `sync = "interval"` a power cut loses at most what was acknowledged after the last sync, and
/// of that the latest: never a batch before one that is there, never a part of one.
#[test]
fn a_power_cut_loses_only_the_end_when_groups_are_synced_by_interval() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let (image, copy) = (
        directory.path().join("image"),
        directory.path().join("copy"),
    );
    let at = directory.path().join("db");
    let Some(mount) = Mount::image(&image, &at) else {
        return;
    };
    let server = Server::builder()
        .in_directory(Arc::clone(&directory))
        .flag("storage-sync", "interval")
        .flag("storage-sync-interval", "100ms")
        .flag("storage-head-max-bytes", "1MiB")
        .start();
    let (mut early, mut late) = (Ledger::new(0), Ledger::new(1));
    early.write_batches(&server, 20, 300);
    let syncs = syncs(&server);
    let freeze = server.signaller(libc::SIGSTOP);
    let kill = server.killer();
    std::thread::scope(|scope| {
        let (server, late) = (&server, &mut late);
        scope.spawn(move || late.write_until_cut_off(server, 300));
        // The next that ends may have begun before the last batch of the early ones.
        let begun = Instant::now();
        while self::syncs(server) < syncs + 2 {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "nothing is synced"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        freeze();
        std::fs::copy(&image, &copy).unwrap();
        kill();
    });
    let builder = server.into_builder();
    drop(mount);
    let Some(mount) = Mount::image(&copy, &at) else {
        return;
    };
    let server = builder.start();
    early.check(&server);
    let kept = late.check_beginning(&server);
    eprintln!(
        "{} points before the sync, {kept} batches of {} points acknowledged after it began",
        early.acknowledged_points(),
        late.acknowledged_points()
    );
    drop(server);
    drop(mount);
}

fn syncs(server: &Server) -> u64 {
    let metrics = server.metrics();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("influxd_storage_syncs_total "));
    line.unwrap().parse().unwrap()
}
