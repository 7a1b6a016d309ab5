//! How far a writer is, for those who wait for it: queries that must see what was acknowledged, sealers
//! that must not run ahead of the journal.

use crate::sync::{AtomicU64, Condvar, Mutex, Ordering};
use std::time::Instant;

/// How far a writer is: messages handed to it, messages it has applied.
#[derive(Default)]
pub struct Pace {
    queued: AtomicU64,
    applied: Mutex<u64>,
    moved: Condvar,
}

impl Pace {
    /// To be called before the message is sent.
    pub fn queue(&self) {
        self.queued.fetch_add(1, Ordering::AcqRel);
    }

    pub fn apply(&self, messages: u64) {
        *self.applied.lock() += messages;
        self.moved.notify_all();
    }

    /// Waits until everything queued before the call is applied; `false` when the deadline came first.
    pub fn wait(&self, deadline: Instant) -> bool {
        let target = self.queued.load(Ordering::Acquire);
        let mut applied = self.applied.lock();
        while *applied < target {
            if self.moved.wait_until(&mut applied, deadline).timed_out() {
                return *applied >= target;
            }
        }
        true
    }

    /// Waits for something that becomes true before messages are counted as applied.
    pub fn wait_until(&self, done: impl Fn() -> bool) {
        let mut applied = self.applied.lock();
        while !done() {
            self.moved.wait(&mut applied);
        }
    }
}
