//! Work on all cores whose results are taken in order.

use super::super::error::Result;
use crate::query::cores::CORES;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::scope;

/// Most threads for one query.
const THREADS_MAX: usize = 8;
/// Results that wait for each thread before it pauses.
const WAITING_PER_THREAD: usize = 4;

/// Runs `work` for `0..count` and hands the results to `take` in that order. The first error ends it.
pub fn in_order<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
    mut take: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let cores = *CORES;
    let threads = cores.min(THREADS_MAX).min(count);
    if threads <= 1 {
        return (0..count).try_for_each(|at| take(at, work(at)?));
    }
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let (sender, receiver) = sync_channel(threads * WAITING_PER_THREAD);
    scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            let (next, stop, work) = (&next, &stop, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count || sender.send((at, work(at))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut wanted = 0;
        let mut result = Ok(());
        'all: for (at, done) in receiver {
            early.insert(at, done);
            while let Some(done) = early.remove(&wanted) {
                result = done.and_then(|done| take(wanted, done));
                if result.is_err() {
                    // The threads see it, or that nobody listens any more.
                    stop.store(true, Ordering::Relaxed);
                    break 'all;
                }
                wanted += 1;
            }
        }
        result
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::error::StatementError;
    use super::*;

    #[test]
    fn results_come_in_order() {
        let mut seen = Vec::new();
        let take = |at, square| {
            seen.push((at, square));
            Ok(())
        };
        in_order(100, |at| Ok(at * at), take).unwrap();
        assert_eq!(seen, (0..100).map(|at| (at, at * at)).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_ends_the_work() {
        let work = |at| match at {
            7 => Err(StatementError::invalid("seven")),
            at => Ok(at),
        };
        let mut taken = 0;
        let result = in_order(1_000_000, work, |_, _| {
            taken += 1;
            Ok(())
        });
        assert_eq!(result.unwrap_err().to_string(), "seven");
        assert_eq!(taken, 7);
    }

    #[test]
    fn no_work_is_done_at_once() {
        assert!(in_order(0, Ok, |_, _| Ok(())).is_ok());
    }
}
