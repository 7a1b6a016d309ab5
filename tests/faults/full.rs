//! A file system that fills up.

use crate::mounts::Mount;
use crate::support::ledger::Ledger;
use crate::support::{Server, wait_for};
use std::sync::Arc;

/// Promise: writes get 503, reads go on, the service resumes when space returns, nothing is lost.
#[test]
fn a_full_file_system_refuses_writes_and_goes_on_when_space_returns() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let at = directory.path().join("db");
    let Some(mount) = Mount::tmpfs(&at, 192 << 20) else {
        return;
    };
    let ballast = mount.at.join("ballast");
    std::fs::write(&ballast, vec![1; 48 << 20]).unwrap();
    let mut server = Server::builder()
        .in_directory(Arc::clone(&directory))
        .flag("storage-head-max-bytes", "2MiB")
        .flag("storage-min-free-bytes", "20MiB")
        .start();
    let mut ledger = Ledger::new(0);
    assert!(
        ledger.write_noisy_batch(&server, 2000),
        "there is space yet"
    );
    let mut refused = 0;
    for _ in 0..4000 {
        if !ledger.write_noisy_batch(&server, 2000) {
            refused += 1;
            if refused > 3 {
                break;
            }
        }
    }
    assert!(
        refused > 3,
        "the file system did not fill up: the test tests nothing"
    );
    ledger.check(&server);
    std::fs::remove_file(&ballast).unwrap();
    wait_for("writes after there is space", 90, || {
        ledger.write_noisy_batch(&server, 10).then_some(())
    });
    ledger.check(&server);
    server = server.kill_and_restart();
    ledger.check(&server);
    drop(server);
    drop(mount);
}
