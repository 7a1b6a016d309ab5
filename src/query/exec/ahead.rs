//! Work on all cores, batch by batch, whose results are taken in order.

use crate::query::context::{QueryContext, QueryError};
use crate::query::cores::CORES;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;

/// Most threads for one query.
const THREADS_MAX: usize = 8;
/// Below so many items threads cost more than they gain.
const PARALLEL_MIN: usize = 4;
/// Results of about so many bytes are made before the first is taken.
const BATCH_BYTES: usize = 8 << 20;
const BATCH_MAX: usize = 512;

/// What is made of an item, or nothing.
pub type Made<T> = Result<Option<T>, QueryError>;

/// Runs `work` for all items. The results that wait to be taken are on the query's memory account.
pub struct Ahead<'a, Items, T, Work> {
    ctx: &'a QueryContext,
    items: Items,
    work: Work,
    bytes_of: fn(&T) -> usize,
    batch: usize,
    ready: VecDeque<Made<T>>,
}

impl<'a, Items, T, Work> Ahead<'a, Items, T, Work>
where
    Items: Iterator,
    Items::Item: Sync,
    T: Send,
    Work: Fn(&Items::Item) -> Made<T> + Sync,
{
    /// `first` items are in the first batch; what they make tells how many can be in the next.
    pub const fn new(
        ctx: &'a QueryContext,
        items: Items,
        first: usize,
        bytes_of: fn(&T) -> usize,
        work: Work,
    ) -> Self {
        Self {
            ctx,
            items,
            work,
            bytes_of,
            batch: first,
            ready: VecDeque::new(),
        }
    }

    fn fill(&mut self) -> Result<(), QueryError> {
        self.ctx.check()?;
        let items: Vec<Items::Item> = self.items.by_ref().take(self.batch).collect();
        let threads = CORES.min(THREADS_MAX).min(items.len() / 2);
        let made = if threads <= 1 || items.len() < PARALLEL_MIN {
            items.iter().map(&self.work).collect()
        } else {
            in_parallel(&items, threads, &self.work)
        };
        let bytes: usize = made.iter().flatten().flatten().map(self.bytes_of).sum();
        self.ctx.take_memory(bytes)?;
        let each = bytes / items.len().max(1);
        self.batch = (BATCH_BYTES / each.max(1)).clamp(1, BATCH_MAX);
        self.ready.extend(made);
        Ok(())
    }
}

/// Results in the order of the items.
fn in_parallel<I: Sync, T: Send>(
    items: &[I],
    threads: usize,
    work: &(impl Fn(&I) -> Made<T> + Sync),
) -> Vec<Made<T>> {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            done.push((at, work(item)));
        }
        // A thread that panicked has left nothing behind, and the scope tells of it.
        let mut all = all
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        all.extend(done);
    };
    scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    let mut all = all
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    all.sort_unstable_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, made)| made).collect()
}

impl<Items, T, Work> Iterator for Ahead<'_, Items, T, Work>
where
    Items: Iterator,
    Items::Item: Sync,
    T: Send,
    Work: Fn(&Items::Item) -> Made<T> + Sync,
{
    type Item = Result<T, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let Some(made) = self.ready.pop_front() {
                match made {
                    Ok(None) => {}
                    Ok(Some(made)) => {
                        self.ctx.give_memory((self.bytes_of)(&made));
                        return Some(Ok(made));
                    }
                    Err(error) => return Some(Err(error)),
                }
            }
            match self.fill() {
                Err(error) => return Some(Err(error)),
                Ok(()) if self.ready.is_empty() => return None,
                Ok(()) => {}
            }
        }
    }
}
