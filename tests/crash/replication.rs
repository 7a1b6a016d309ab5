//! Replication through kills of either side.

use crate::support::Server;
use crate::support::ledger::Ledger;
use crate::support::replication::free_address;
use crate::support::server::BUCKET;
use serde_json::json;
use std::time::Duration;

const CYCLES: u64 = 15;
const WRITERS: usize = 2;

/// Promise: what was acknowledged is in the queue, and the remote gets all of it, whoever is killed when.
#[test]
fn what_was_acknowledged_reaches_the_remote_through_kills_of_either_side() {
    let address = free_address();
    let remote_server = || Server::builder().flag("http-bind-address", &address);
    let mut hub = Some(remote_server().start());
    let mut server = Server::builder()
        .flag("storage-head-max-bytes", "1MiB")
        .start();
    let org = hub.as_ref().unwrap().org_id();
    let url = format!("http://{address}");
    let remote = server.create_remote(&url, json!({"remoteOrgID": org}));
    let more = json!({"fullPolicy": "backpressure", "remoteBucketName": BUCKET});
    let id = server.replicate(&remote, more);
    let mut ledgers: Vec<_> = (0..WRITERS).map(Ledger::new).collect();
    for cycle in 0..CYCLES {
        let delay = Duration::from_millis(20 + cycle * 37 % 300);
        let kill = server.killer();
        let kill_hub = hub.as_ref().filter(|_| cycle % 3 != 1).map(Server::killer);
        std::thread::scope(|scope| {
            let server = &server;
            for ledger in &mut ledgers {
                scope.spawn(move || ledger.write_until_cut_off(server, 500));
            }
            std::thread::sleep(delay);
            if let Some(kill) = kill_hub {
                kill();
                std::thread::sleep(delay / 2);
            }
            kill();
        });
        // Every other time the remote stays away while the server starts and takes more.
        if cycle % 3 != 1 {
            let builder = hub.take().unwrap().into_builder();
            if cycle % 2 == 0 {
                hub = Some(builder.start());
                server = server.kill_and_restart();
            } else {
                server = server.kill_and_restart();
                ledgers[0].write_batches(&server, 3, 100);
                hub = Some(builder.start());
            }
        } else {
            server = server.kill_and_restart();
        }
    }
    let hub = hub.unwrap();
    server.wait_replicated(&id);
    let points: i64 = ledgers.iter().map(Ledger::acknowledged_points).sum();
    assert!(
        points > 5_000,
        "only {points} points: the test tests nothing"
    );
    for ledger in &ledgers {
        ledger.check(&server);
        ledger.check(&hub);
    }
    assert_eq!(hub.count_of("n"), server.count_of("n"));
    let shown = server.replication(&id);
    assert_eq!(shown["latestErrorMessage"], json!(null), "{shown}");
    // What was confirmed is not kept.
    assert_eq!(server.replication(&id)["currentQueueSizeBytes"], 0);
}
