//! Room in the write queue: bounded by bytes and by batches, so that overload is an answer, not a crash.

use super::api::WriteError;
use crate::sync::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Batches that may wait; also the capacity of each writer's channel, so a reserved batch always fits.
pub const BATCHES_MAX: usize = 8192;

#[derive(Debug)]
pub struct Room {
    max_bytes: usize,
    bytes: AtomicUsize,
    batches: AtomicUsize,
}

/// Room that is given back when the batch is applied.
#[derive(Debug)]
pub struct Reservation {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    pub fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            max_bytes,
            bytes: AtomicUsize::new(0),
            batches: AtomicUsize::new(0),
        })
    }

    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    pub fn used_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Reservation, WriteError> {
        if bytes > self.max_bytes {
            return Err(WriteError::TooLarge {
                needed_bytes: bytes,
                max_bytes: self.max_bytes,
            });
        }
        let queued_bytes = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let batches = self.batches.fetch_add(1, Ordering::AcqRel);
        let reservation = Reservation {
            room: Arc::clone(self),
            bytes,
        };
        if queued_bytes + bytes > self.max_bytes || batches >= BATCHES_MAX {
            // Dropping the reservation gives the room back.
            return Err(WriteError::Overloaded {
                queued_bytes,
                max_bytes: self.max_bytes,
            });
        }
        Ok(reservation)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.room.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.room.batches.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_and_room_comes_back() {
        let room = Room::new(100);
        let first = room.reserve(60).unwrap();
        assert!(matches!(
            room.reserve(60),
            Err(WriteError::Overloaded { .. })
        ));
        assert!(matches!(
            room.reserve(101),
            Err(WriteError::TooLarge { .. })
        ));
        drop(first);
        assert!(room.reserve(100).is_ok());
        assert_eq!(room.used_bytes(), 0);
    }
}
