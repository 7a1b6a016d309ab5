//! Bounds: a full queue is 503, an org above its rate 429, both with a whole number of seconds.

use crate::support::{Connection, Response, Server, gzip};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Small enough for the queue, too large for a dozen of them.
const LINES: u64 = 5_000;
/// Bodies that each connection has ready.
const ROUNDS: u64 = 6;

const WRITE: &str = "/api/v2/write?org=org&bucket=bucket";

fn retry_after(answer: &Response) -> u64 {
    let value = answer.header("retry-after").expect("Retry-After");
    value
        .parse()
        .unwrap_or_else(|_| panic!("whole seconds: {value}"))
}

#[test]
fn a_full_queue_is_503_with_retry_after_and_writes_nothing_of_the_body() {
    let server = Server::builder()
        .flag("queue-max-bytes", "4MiB")
        .flag("queue-retry-after", "3s")
        .flag("queue-writers", "1")
        .flag("storage-sync", "always")
        .start();
    // Each line makes a series of its own, which is dear for the one writer thread. All bodies are ready
    // before the first is sent, so that the machine has nothing else to do.
    let full = AtomicBool::new(false);
    let start = Barrier::new(12);
    let counts = std::thread::scope(|scope| {
        let writer = |id: usize| {
            let (server, full, start) = (&server, &full, &start);
            let body = move |round| {
                let line = |n| format!("m,w=w{id},r=r{round},n=n{n} f=1i,g=2i,h=\"abcdefgh\" 1\n");
                let lines: String = (0..LINES).map(line).collect();
                server.post(WRITE).body(lines)
            };
            move || {
                let requests: Vec<_> = (0..ROUNDS).map(body).collect();
                let mut connection = Connection::open(&server.address).unwrap();
                let mut acknowledged = 0_u64;
                start.wait();
                for request in requests {
                    if full.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = connection.send(&request).unwrap();
                    if answer.status == 503 {
                        answer.expect_error(503, "unavailable");
                        assert_eq!(retry_after(&answer), 3);
                        full.store(true, Ordering::Relaxed);
                    } else {
                        answer.expect(204);
                        acknowledged += 1;
                    }
                }
                acknowledged
            }
        };
        let threads: Vec<_> = (0..12).map(|id| scope.spawn(writer(id))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<u64>()
    });
    assert!(full.load(Ordering::Relaxed), "the queue was never full");
    let results = server.influxql("SELECT count(f) FROM m");
    let points = results[0]["series"][0]["values"][0][1]
        .as_u64()
        .unwrap_or(0);
    assert_eq!(
        points,
        counts * LINES,
        "all of what was acknowledged and nothing else"
    );
}

#[test]
fn an_org_above_its_rate_is_429_with_retry_after() {
    let server = Server::builder()
        .flag("limits-write-bytes-per-second", "1000")
        .flag("limits-write-burst-bytes", "2000")
        .start();
    let body = format!("m f=\"{}\" 1", "x".repeat(900));
    let answers: Vec<_> = (0..4)
        .map(|_| server.post(WRITE).body(body.clone()).send())
        .collect();
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status != 204)
        .collect();
    assert!(
        !refused.is_empty() && refused.len() < answers.len(),
        "some pass, some do not"
    );
    for answer in refused {
        answer.expect_error(429, "too many requests");
        assert!(retry_after(answer) >= 1);
    }
    std::thread::sleep(Duration::from_millis(2_100));
    server.post(WRITE).body(body).send().expect(204);
}

/// Highest resident memory of the process so far, MiB.
fn peak_mib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[test]
fn sixty_mib_of_anything_are_answered_in_bounded_memory() {
    let server = Server::start();
    let size = 60 << 20;
    let repeated = |line: &str| line.repeat(size / line.len()).into_bytes();
    for (name, body, allowed) in [
        ("one word", repeated("x"), &[400][..]),
        ("blank lines", repeated("\n"), &[204]),
        ("zeros", repeated("\0"), &[204, 400]),
        (
            "an open quote",
            [b"m f=\"".to_vec(), repeated("\n")].concat(),
            &[204, 400],
        ),
        ("commas", repeated("m,"), &[400]),
        ("the shortest points", repeated("m f=1\n"), &[204, 413, 503]),
        ("bytes that are not UTF-8", vec![0xff; size], &[400]),
    ] {
        let answer = server.post(WRITE).body(body).send();
        assert!(
            allowed.contains(&answer.status),
            "{name}: {} {:.200}",
            answer.status,
            answer.text()
        );
        assert!(
            answer.body.len() < 4_096,
            "{name}: an answer of {} bytes",
            answer.body.len()
        );
    }
    let bomb = gzip(&vec![b'\n'; 512 << 20]);
    let answer = server
        .post(WRITE)
        .header("Content-Encoding", "gzip")
        .body(bomb)
        .send();
    answer.expect_error(413, "request too large");
    let peak = peak_mib(&server);
    assert!(peak < 512, "{peak} MiB");
    server.write("m f=1").expect(204);
}
