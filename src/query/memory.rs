//! What all running queries may hold together.

use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub struct MemoryPool {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
}

impl MemoryPool {
    pub const fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            used_bytes: AtomicUsize::new(0),
        }
    }

    pub const fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    pub fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// `false` when there is not so much left; nothing is taken then.
    pub fn take(&self, bytes: usize) -> bool {
        let before = self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit_bytes;
        if !fits {
            self.give(bytes);
        }
        fits
    }

    pub fn give(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_not_taken() {
        let pool = MemoryPool::new(100);
        assert!(pool.take(60));
        assert!(!pool.take(41));
        assert!(pool.take(40));
        pool.give(100);
        assert_eq!(pool.used_bytes(), 0);
    }
}
