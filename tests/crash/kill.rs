//! `kill -9`, again and again, on one data directory.

use crate::support::Server;
use crate::support::ledger::Ledger;
use std::time::{Duration, Instant};

/// Kills, unless the variable `CRASH_CYCLES` says another number.
const CYCLES: u64 = 40;
/// Cycles between two looks at all points, which takes longer the more there are. What one kill lost stays lost.
const LOOK_EVERY: u64 = 5;
const WRITERS: usize = 4;

/// A seed that is printed, so that a failure can be repeated as far as timing allows.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*: no more is needed to spread kills over time.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

#[test]
fn what_was_acknowledged_outlives_kills_and_nothing_is_invented() {
    let seed = std::env::var("CRASH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) * 7919 + 1);
    eprintln!("CRASH_SEED={seed}");
    let mut random = Random(seed);
    // A head that small is sealed all the time: kills also hit seals and what follows them.
    let mut server = Server::builder()
        .flag("storage-head-max-bytes", "1MiB")
        .start();
    let mut ledgers: Vec<_> = (0..WRITERS).map(Ledger::new).collect();
    let cycles = std::env::var("CRASH_CYCLES").ok();
    let cycles = cycles.map_or(CYCLES, |cycles| cycles.parse().unwrap());
    for cycle in 1..=cycles {
        let delay = Duration::from_millis(5 + random.below(400));
        let batch_points = 1 + i64::try_from(random.below(1_500)).unwrap();
        let kill = server.killer();
        std::thread::scope(|scope| {
            let server = &server;
            for ledger in &mut ledgers {
                scope.spawn(move || ledger.write_until_cut_off(server, batch_points));
            }
            std::thread::sleep(delay);
            kill();
        });
        let restarted = Instant::now();
        server = server.kill_and_restart();
        let up = restarted.elapsed();
        if cycle % LOOK_EVERY == 0 || cycle == cycles {
            for ledger in &ledgers {
                ledger.check(&server);
            }
        }
        let points: i64 = ledgers.iter().map(Ledger::acknowledged_points).sum();
        eprintln!("cycle {cycle}: {points} points acknowledged, up after {up:?}");
    }
    let points: i64 = ledgers.iter().map(Ledger::acknowledged_points).sum();
    assert!(
        points > 10_000,
        "only {points} points were acknowledged: the test tests nothing"
    );
}

#[test]
fn a_kill_right_after_the_start_loses_nothing() {
    let mut server = Server::start();
    server.write("m,t=a f=1i 1\nm,t=b f=2i 2").expect(204);
    for _ in 0..5 {
        server = server.kill_and_restart();
        assert_eq!(
            server
                .flux("from(bucket: \"bucket\") |> range(start: 0)")
                .len(),
            2
        );
    }
}
