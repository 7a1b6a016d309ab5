//! A parsed batch on its way through the writers.

use super::api::WriteError;
use super::deletion::DeleteRequest;
use super::outbound::Promises;
use super::partition::MergeRequest;
use super::queue::Reservation;
use crate::line_protocol::batch::ParsedBatch;
use crate::model::{BucketId, BucketSettings};
use parking_lot::Mutex;
use roaring::RoaringBitmap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::oneshot;

/// One batch, shared by the writers that own some of its series.
pub struct Submission {
    /// Rises from batch to batch, in the order in which every writer gets them.
    pub sequence: u64,
    /// The writers that own some of its series, as bits.
    pub owners: u64,
    pub bucket: BucketSettings,
    pub batch: ParsedBatch,
    /// Row numbers grouped by series, in the order of the lines within a series.
    order: Vec<u32>,
    /// Where each series' rows begin in `order`; one more than there are series.
    starts: Vec<u32>,
    /// Points older than this are rejected; `i64::MIN` for none.
    pub oldest_kept: i64,
    /// When it came.
    pub accepted_ns: i64,
    room: Mutex<Option<(Reservation, Promises)>>,
    pending: AtomicU32,
    answer: Mutex<Answer>,
}

#[derive(Default)]
struct Answer {
    failure: Option<String>,
    sender: Option<oneshot::Sender<Result<(), WriteError>>>,
}

pub enum Message {
    Write(Arc<Submission>),
    Delete(Arc<DeleteRequest>),
    /// Series that may have lost all their points: forget those that have.
    DropEmpty {
        bucket: BucketId,
        series: RoaringBitmap,
        done: Box<dyn FnOnce() + Send>,
    },
    /// Forget all of a bucket; answers when done.
    Forget(BucketId, crossbeam_channel::Sender<()>),
    /// Merge blocks.
    Merge(MergeRequest),
    /// Seal what there is, if the sealer is idle.
    Seal,
    /// Finish what is queued, seal everything, end.
    Stop,
    /// End at once.
    #[cfg(test)]
    Abandon,
}

impl Submission {
    /// `sender` hears of the outcome when all `owners` are done.
    pub fn new(
        (sequence, owners): (u64, u64),
        bucket: BucketSettings,
        batch: ParsedBatch,
        now_ns: i64,
        room: (Reservation, Promises),
        sender: Option<oneshot::Sender<Result<(), WriteError>>>,
    ) -> Self {
        let (order, starts) = group_rows(&batch);
        let oldest_kept = match bucket.retention_ns {
            0 => i64::MIN,
            retention => now_ns.saturating_sub(retention),
        };
        Self {
            sequence,
            owners,
            bucket,
            batch,
            order,
            starts,
            oldest_kept,
            accepted_ns: now_ns,
            room: Mutex::new(Some(room)),
            pending: AtomicU32::new(owners.count_ones()),
            answer: Mutex::new(Answer {
                failure: None,
                sender,
            }),
        }
    }

    /// Rows of one series, in the order of the lines.
    pub fn rows_of(&self, series: usize) -> &[u32] {
        let start = self.starts.get(series).copied().unwrap_or_default() as usize;
        let stop = self.starts.get(series + 1).copied().unwrap_or_default() as usize;
        self.order.get(start..stop).unwrap_or_default()
    }

    /// To be called once by each writer. The last one gives the room back and answers.
    pub fn done(&self, result: Result<(), String>) {
        let mut answer = self.answer.lock();
        if let Err(reason) = result {
            answer.failure.get_or_insert(reason);
        }
        if self.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            drop(self.room.lock().take());
            if let Some(sender) = answer.sender.take() {
                let outcome = answer
                    .failure
                    .take()
                    .map_or(Ok(()), |why| Err(WriteError::Unavailable(why)));
                // A client that is gone doesn't hear it; its points are written all the same.
                let _ = sender.send(outcome);
            }
        }
    }
}

/// Counting sort of the rows by series.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a batch has fewer than 2^32 rows"
)]
fn group_rows(batch: &ParsedBatch) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; batch.series.len() + 1];
    for row in &batch.rows {
        if let Some(count) = starts.get_mut(row.series as usize + 1) {
            *count += 1;
        }
    }
    let mut total = 0;
    for start in &mut starts {
        total += *start;
        *start = total;
    }
    let mut next = starts.clone();
    let mut order = vec![0; batch.rows.len()];
    for (number, row) in batch.rows.iter().enumerate() {
        if let Some(place) = next.get_mut(row.series as usize) {
            if let Some(slot) = order.get_mut(*place as usize) {
                *slot = number as u32;
            }
            *place += 1;
        }
    }
    (order, starts)
}
