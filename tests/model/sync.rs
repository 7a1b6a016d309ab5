//! What the server's `sync` offers, over loom. Nothing times out here: a wake-up that is lost is a deadlock,
//! which loom reports.

pub use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::ops::{Deref, DerefMut};
use std::time::Instant;

#[derive(Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

/// Empty only while its thread waits.
pub struct Guard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub fn lock(&self) -> Guard<'_, T> {
        Guard(Some(self.0.lock().unwrap()))
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().unwrap()
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().unwrap()
    }
}

pub struct Condvar(loom::sync::Condvar);

impl Default for Condvar {
    fn default() -> Self {
        Self(loom::sync::Condvar::new())
    }
}

/// Never.
pub struct TimedOut;

impl TimedOut {
    pub fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    pub fn wait<T>(&self, guard: &mut Guard<'_, T>) {
        let held = guard.0.take().unwrap();
        guard.0 = Some(self.0.wait(held).unwrap());
    }

    pub fn wait_until<T>(&self, guard: &mut Guard<'_, T>, _deadline: Instant) -> TimedOut {
        self.wait(guard);
        TimedOut
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
