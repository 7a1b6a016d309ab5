//! Queues of replications on a disk that fills up.

use crate::mounts::Mount;
use crate::support::ledger::Ledger;
use crate::support::replication::stopped_server;
use crate::support::{Server, ServerBuilder};
use serde_json::json;
use std::sync::Arc;

/// A server on a small file system, with a ledger of what was written until it refused.
fn fill(mount: &Mount, full_policy: &str) -> (Server, String, ServerBuilder, Ledger) {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&mount.at, directory.path().join("db")).unwrap();
    let server = Server::builder()
        .in_directory(Arc::new(directory))
        .flag("storage-head-max-bytes", "2MiB")
        .flag("storage-min-free-bytes", "20MiB")
        .start();
    let (address, hub, org) = stopped_server();
    let remote = server.create_remote(&format!("http://{address}"), json!({"remoteOrgID": org}));
    let more = json!({"maxQueueSizeBytes": 1 << 30, "fullPolicy": full_policy});
    let id = server.replicate(&remote, more);
    let mut ledger = Ledger::new(0);
    for _ in 0..4000 {
        if !ledger.write_noisy_batch(&server, 2000) {
            return (server, id, hub, ledger);
        }
    }
    panic!("the file system did not fill up: the test tests nothing");
}

/// Promise: a full disk loses nothing; with backpressure not from the queue either.
#[test]
fn a_full_disk_refuses_writes_and_the_remote_gets_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mount) = Mount::tmpfs(&directory.path().join("disk"), 192 << 20) else {
        return;
    };
    let (server, id, hub, ledger) = fill(&mount, "backpressure");
    ledger.check(&server);
    let held = server.replication(&id)["currentQueueSizeBytes"].clone();
    assert!(held.as_u64().unwrap() > 10 << 20, "{held}");
    let hub = hub.start();
    server.wait_replicated(&id);
    ledger.check(&hub);
    drop(server);
    drop(mount);
}
