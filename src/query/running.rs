//! The queries that run, so that they can be listed and killed.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A query as it is listed.
#[derive(Debug, Clone)]
pub struct RunningQuery {
    pub id: u64,
    pub text: String,
    pub database: String,
    pub duration: Duration,
    pub killed: bool,
}

struct Entry {
    text: String,
    database: String,
    /// Who asks: an org sees and kills its own queries only.
    owner: u64,
    started: Instant,
    cancelled: Arc<AtomicBool>,
}

#[derive(Default)]
pub struct RunningQueries {
    last: AtomicU64,
    finished: AtomicU64,
    all: Mutex<BTreeMap<u64, Entry>>,
}

/// Takes the query off the list when it is dropped.
pub struct Registration {
    queries: Arc<RunningQueries>,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.queries.all.lock().remove(&self.id);
        self.queries.finished.fetch_add(1, Ordering::Relaxed);
    }
}

impl RunningQueries {
    pub fn register(
        self: &Arc<Self>,
        owner: u64,
        text: String,
        database: String,
        cancelled: Arc<AtomicBool>,
    ) -> Registration {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let entry = Entry {
            text,
            database,
            owner,
            started: Instant::now(),
            cancelled,
        };
        self.all.lock().insert(id, entry);
        Registration {
            queries: Arc::clone(self),
            id,
        }
    }

    /// In order of their start.
    pub fn list(&self, owner: u64) -> Vec<RunningQuery> {
        let all = self.all.lock();
        let own = all.iter().filter(|(_, entry)| entry.owner == owner);
        own.map(|(id, entry)| RunningQuery {
            id: *id,
            text: entry.text.clone(),
            database: entry.database.clone(),
            duration: entry.started.elapsed(),
            killed: entry.cancelled.load(Ordering::Relaxed),
        })
        .collect()
    }

    /// `false`: there is no such query.
    pub fn kill(&self, owner: u64, id: u64) -> bool {
        match self.all.lock().get(&id).filter(|e| e.owner == owner) {
            Some(entry) => {
                entry.cancelled.store(true, Ordering::Relaxed);
                true
            }
            None => false,
        }
    }

    /// Queries that were started, and that ended, since the server's start.
    pub fn counts(&self) -> (u64, u64) {
        let finished = self.finished.load(Ordering::Relaxed);
        (self.last.load(Ordering::Relaxed), finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_listed_until_they_end_and_killed_by_their_owner() {
        let queries = Arc::new(RunningQueries::default());
        let flag = Arc::new(AtomicBool::new(false));
        let registration = queries.register(7, "q".to_owned(), "db".to_owned(), flag.clone());
        assert_eq!(queries.list(7).len(), 1);
        assert!(queries.list(8).is_empty());
        assert!(!queries.kill(8, 1) && !queries.kill(7, 2));
        assert!(queries.kill(7, 1));
        assert!(flag.load(Ordering::Relaxed) && queries.list(7)[0].killed);
        drop(registration);
        assert!(queries.list(7).is_empty());
        assert_eq!(queries.counts(), (1, 1));
    }
}
