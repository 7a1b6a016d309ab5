//! Power cuts: the server runs on a file system in an image; what the image holds at some moment is what a
//! disk would hold after the power is cut.

use crate::mounts::Mount;
use crate::support::Server;
use crate::support::ledger::Ledger;
use std::sync::Arc;
use std::time::Duration;

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
