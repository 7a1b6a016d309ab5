//! Sessions of people who signed in: in memory, gone with a restart.

use super::secrets::{TokenHash, hash_token};
use crate::model::Id;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Life of a session after sign-in; each use extends it to at least [`RENEWAL`].
pub const SESSION_SECONDS: u64 = 3600;
const RENEWAL: Duration = Duration::from_secs(300);
/// The oldest go when there are more.
const SESSIONS_MAX: usize = 10_000;

#[derive(Default)]
pub struct Sessions {
    by_key: Mutex<HashMap<TokenHash, (Id, Instant)>>,
}

impl Sessions {
    pub fn open(&self, key: &str, user: Id) {
        let mut sessions = self.by_key.lock();
        let now = Instant::now();
        sessions.retain(|_, (_, until)| *until > now);
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, (_, until))| *until)
        {
            let oldest = *oldest.0;
            sessions.remove(&oldest);
        }
        sessions.insert(
            hash_token(key),
            (user, now + Duration::from_secs(SESSION_SECONDS)),
        );
    }

    pub fn user_of(&self, key: &str) -> Option<Id> {
        let mut sessions = self.by_key.lock();
        let (user, until) = sessions.get_mut(&hash_token(key))?;
        let now = Instant::now();
        if *until <= now {
            return None;
        }
        *until = (*until).max(now + RENEWAL);
        Some(*user)
    }

    pub fn close(&self, key: &str) {
        self.by_key.lock().remove(&hash_token(key));
    }

    pub fn close_all_of(&self, user: Id) {
        self.by_key.lock().retain(|_, (owner, _)| *owner != user);
    }
}
