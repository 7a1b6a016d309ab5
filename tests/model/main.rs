//! Every interleaving of the threads that hand points over, explored by loom: the files are the server's
//! own, mounted here over locks and atomics that loom schedules.
//!
//! There is no test harness, so that the unit tests inside the mounted files stay out.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a model fails by panicking and says which it was; not all of the mounted files is used"
)]

#[path = "../../src/ingest/pace.rs"]
mod pace;
#[allow(unused_imports, reason = "those of its unit tests, which stay out")]
#[path = "../../src/ingest/queue.rs"]
mod queue;
mod sync;

/// The errors of the mounted queue.
mod api {
    #[derive(Debug)]
    pub enum WriteError {
        Overloaded {
            queued_bytes: usize,
            max_bytes: usize,
        },
        TooLarge {
            needed_bytes: usize,
            max_bytes: usize,
        },
    }
}

use loom::sync::mpsc::channel;
use pace::Pace;
use queue::Room;
use std::sync::Arc;
use std::time::Instant;
use sync::{AtomicU64, AtomicUsize, Ordering};

/// Threads are interrupted at most so often in one run, which finds nearly all faults in a fraction of the
/// runs; what ends or waits is not counted.
const PREEMPTIONS: usize = 3;

fn main() {
    let models: [(&str, fn()); 4] = [
        ("room is never lent twice and always comes back", room),
        (
            "who waits sees all that was queued before",
            read_your_writes,
        ),
        ("two who wait are both woken", two_readers),
        ("a sealer is woken by the batch it waits for", sealer),
    ];
    for (name, model) in models {
        let mut explorer = loom::model::Builder::new();
        explorer.preemption_bound = Some(PREEMPTIONS);
        explorer.check(model);
        println!("model: {name} ... ok");
    }
}

fn room() {
    let room = Room::new(100);
    let held = Arc::new(AtomicUsize::new(0));
    let granted = Arc::new(AtomicUsize::new(0));
    let lenders: Vec<_> = [60, 30, 50]
        .into_iter()
        .map(|bytes| {
            let (room, held, granted) =
                (Arc::clone(&room), Arc::clone(&held), Arc::clone(&granted));
            move || {
                if let Ok(_reservation) = room.reserve(bytes) {
                    granted.fetch_add(1, Ordering::AcqRel);
                    assert!(held.fetch_add(bytes, Ordering::AcqRel) + bytes <= 100);
                    held.fetch_sub(bytes, Ordering::AcqRel);
                }
            }
        })
        .collect();
    let mut lenders = lenders.into_iter();
    let mine = lenders.next();
    let threads: Vec<_> = lenders.map(loom::thread::spawn).collect();
    mine.into_iter().for_each(|lend| lend());
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    // Who comes first always finds room.
    assert!(granted.load(Ordering::Acquire) > 0);
    assert_eq!(room.used_bytes(), 0);
    assert!(room.reserve(100).is_ok());
}

/// What a writer does with `messages` messages: apply, then count. The head is one relaxed number here, so
/// that only the pace can make it visible.
fn writer(
    pace: &Arc<Pace>,
    head: &Arc<AtomicU64>,
    messages: u64,
) -> (loom::sync::mpsc::Sender<u64>, loom::thread::JoinHandle<()>) {
    let (sender, receiver) = channel();
    let (pace, head) = (Arc::clone(pace), Arc::clone(head));
    let thread = loom::thread::spawn(move || {
        for _ in 0..messages {
            head.fetch_add(receiver.recv().unwrap(), Ordering::Relaxed);
            pace.apply(1);
        }
    });
    (sender, thread)
}

fn read_your_writes() {
    let (pace, head) = (Arc::new(Pace::default()), Arc::new(AtomicU64::new(0)));
    let (sender, thread) = writer(&pace, &head, 2);
    pace.queue();
    sender.send(1).unwrap();
    assert!(pace.wait(Instant::now()));
    assert_eq!(head.load(Ordering::Relaxed), 1);
    pace.queue();
    sender.send(10).unwrap();
    assert!(pace.wait(Instant::now()));
    assert_eq!(head.load(Ordering::Relaxed), 11);
    thread.join().unwrap();
}

fn two_readers() {
    let (pace, head) = (Arc::new(Pace::default()), Arc::new(AtomicU64::new(0)));
    let (sender, thread) = writer(&pace, &head, 1);
    pace.queue();
    let other = {
        let (pace, head) = (Arc::clone(&pace), Arc::clone(&head));
        loom::thread::spawn(move || {
            assert!(pace.wait(Instant::now()));
            assert_eq!(head.load(Ordering::Relaxed), 1);
        })
    };
    sender.send(1).unwrap();
    assert!(pace.wait(Instant::now()));
    assert_eq!(head.load(Ordering::Relaxed), 1);
    other.join().unwrap();
    thread.join().unwrap();
}

/// The writer moves its sequence before it counts the messages of the group, as `wait_journaled` relies on.
fn sealer() {
    let pace = Arc::new(Pace::default());
    let (sequence, journal) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let thread = {
        let (pace, sequence, journal) = (
            Arc::clone(&pace),
            Arc::clone(&sequence),
            Arc::clone(&journal),
        );
        loom::thread::spawn(move || {
            for batch in 1..=2 {
                journal.store(batch, Ordering::Relaxed);
                sequence.store(batch, Ordering::Release);
                pace.apply(1);
            }
        })
    };
    pace.wait_until(|| sequence.load(Ordering::Acquire) >= 2);
    assert_eq!(journal.load(Ordering::Relaxed), 2);
    thread.join().unwrap();
}
