//! The thread of one replication.

use super::lines::{Lines, Renderer};
use super::remote::{Answer, Client};
use super::replicator::Orders;
use crate::clock::now_ns;
use crate::ingest::Ingest;
use crate::ingest::outbound::queue::oldest_kept;
use crate::ingest::outbound::{Loss, Queue, Queued, entry};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Entries of the queue that are taken at once, unless a single one is larger: about ten times as much text.
const TAKEN_BYTES: usize = 256 << 10;
/// Line protocol in a request: below what proxies let through, large enough to be packed well.
const PIECE_BYTES: usize = 900 << 10;
/// A piece that is refused is halved to find the lines that it is refused for. After so many requests what is
/// refused still is given up as a whole: a remote that refuses everything must not get each line alone.
const REFUSALS_MAX: u32 = 64;
/// An idle sender looks at the age of what is queued.
const IDLE: Duration = Duration::from_secs(1);
/// Until the other writers have journaled their part of a batch.
const UNSETTLED: Duration = Duration::from_millis(20);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often it is tried whether what was refused has been mended.
const STOPPED_PAUSE: Duration = Duration::from_secs(60);
const LOG_EVERY: Duration = Duration::from_secs(300);

pub struct Sender {
    pub queue: Arc<Queue>,
    /// Not held while a request is under way, which may take long.
    pub ingest: Weak<Ingest>,
    pub orders: Arc<Orders>,
    pub instance: Option<String>,
    failures: u32,
    failing: Option<Failing>,
}

/// Since when it does not work.
struct Failing {
    since: Instant,
    logged: Instant,
}

/// Why a piece was not sent.
enum Undone {
    /// The thread shall end.
    Ended,
    /// It has become too old.
    Expired,
}

impl Sender {
    pub fn new(
        queue: Arc<Queue>,
        ingest: Weak<Ingest>,
        orders: Arc<Orders>,
        instance: Option<String>,
    ) -> Self {
        Self {
            queue,
            ingest,
            orders,
            instance,
            failures: 0,
            failing: None,
        }
    }

    pub fn run(mut self) {
        while !self.ends() {
            let Some(ingest) = self.ingest.upgrade() else {
                return;
            };
            let store = ingest.store();
            let taken = self
                .queue
                .expire(store, now_ns())
                .and_then(|()| self.queue.take(store, ingest.settled(), TAKEN_BYTES));
            drop(ingest);
            match taken {
                Ok(taken) if taken.is_empty() => {
                    let unsettled = self.queue.bytes() > 0;
                    self.queue.wait(if unsettled { UNSETTLED } else { IDLE });
                }
                Ok(taken) => match self.ship(&taken) {
                    Ok(()) => self.confirm(&taken),
                    Err(Undone::Expired) => self.queue.release(),
                    Err(Undone::Ended) => return,
                },
                Err(error) => {
                    self.failed(None, &error.to_string());
                    let pause = self.next_pause();
                    self.pause(pause, self.orders.version());
                }
            }
        }
    }

    fn ends(&self) -> bool {
        self.orders.is_ended() || self.queue.is_closed()
    }

    /// Sends entries as some requests, in order.
    fn ship(&mut self, taken: &[Queued]) -> Result<(), Undone> {
        let mut rows = Vec::new();
        let mut accepted_ns = i64::MAX;
        for queued in taken {
            let points = entry::head(&queued.bytes).map(|head| {
                accepted_ns = accepted_ns.min(head.accepted_ns);
                head.points
            });
            match entry::decode(&queued.bytes) {
                Ok(decoded) => rows.extend(decoded),
                Err(error) => {
                    let detail = format!("entry {}: {error}", queued.key.sequence);
                    let points = points.unwrap_or_default();
                    self.queue.lost(Loss::Damaged, points.max(1), &detail);
                }
            }
        }
        let mut renderer = Renderer::new(rows, self.instance.as_deref());
        while let Some(lines) = renderer.next_piece(PIECE_BYTES) {
            self.deliver(&lines, accepted_ns)?;
        }
        Ok(())
    }

    /// Sends lines until they are written or given up.
    fn deliver(&mut self, lines: &Lines, accepted_ns: i64) -> Result<(), Undone> {
        let mut parts = vec![(0, lines.len())];
        let mut refusals = 0;
        while let Some((from, to)) = parts.pop() {
            let text = lines.part(from, to);
            let version = self.orders.version();
            let pause = match self.attempt(text) {
                Answer::Written { status } => {
                    self.written(status, (to - from) as u64, text.len() as u64);
                    continue;
                }
                Answer::Refused { status, message } => {
                    refusals += 1;
                    if to - from > 1 && refusals < REFUSALS_MAX {
                        let middle = from.midpoint(to);
                        parts.extend([(middle, to), (from, middle)]);
                        continue;
                    }
                    let reason = format!("the remote answered {status}: {message}");
                    if self.orders.drops_refused() {
                        self.orders.told(Some(status), &reason);
                        self.queue.lost(Loss::Refused, (to - from) as u64, &reason);
                        continue;
                    }
                    let line = shortened(text);
                    let advice = "dropNonRetryableData drops such lines";
                    self.failed(Some(status), &format!("{reason}; at {line:?}; {advice}"));
                    STOPPED_PAUSE
                }
                Answer::Unwilling { status, message } => {
                    let reason = format!("the remote answered {status}: {message}");
                    self.failed(Some(status), &reason);
                    STOPPED_PAUSE
                }
                Answer::Unable {
                    status,
                    message,
                    retry_after,
                } => {
                    let reason = match status {
                        Some(status) => format!("the remote answered {status}: {message}"),
                        None => message,
                    };
                    self.failed(status, &reason);
                    let pause = self.next_pause();
                    retry_after.unwrap_or(pause)
                }
            };
            parts.push((from, to));
            self.pause(pause, version);
            if self.ends() {
                return Err(Undone::Ended);
            }
            let max_age = self.queue.settings().max_age;
            if max_age.is_some_and(|age| accepted_ns < oldest_kept(now_ns(), age)) {
                return Err(Undone::Expired);
            }
        }
        Ok(())
    }

    fn attempt(&self, text: &str) -> Answer {
        match self.orders.client() {
            Ok(client) => client.write(text),
            Err(message) => Answer::Unable {
                status: None,
                message,
                retry_after: None,
            },
        }
    }

    /// Deletes what was sent. What can't be deleted is sent again, which changes nothing.
    fn confirm(&mut self, taken: &[Queued]) {
        let Some(ingest) = self.ingest.upgrade() else {
            return;
        };
        let confirmed = self.queue.confirm(ingest.store(), taken);
        drop(ingest);
        if let Err(error) = confirmed {
            self.failed(None, &format!("what was sent stays in the queue: {error}"));
            let pause = self.next_pause();
            self.pause(pause, self.orders.version());
        }
    }

    fn written(&mut self, status: u16, points: u64, bytes: u64) {
        self.failures = 0;
        self.orders.sent(status, points, bytes);
        if let Some(failing) = self.failing.take() {
            log::info!(
                "replication {} goes on after {:?}",
                self.queue.id,
                failing.since.elapsed()
            );
        }
    }

    fn failed(&mut self, status: Option<u16>, reason: &str) {
        self.orders.failed(status, reason);
        let now = Instant::now();
        let quiet = self.failing.as_ref();
        if quiet.is_some_and(|failing| failing.logged.elapsed() < LOG_EVERY) {
            return;
        }
        log::warn!("replication {} waits: {reason}", self.queue.id);
        let since = self.failing.take().map_or(now, |failing| failing.since);
        self.failing = Some(Failing { since, logged: now });
    }

    /// Twice as long with each failure, and a random share less, so that many senders don't come at once.
    fn next_pause(&mut self) -> Duration {
        let longest = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let mut random = [0; 2];
        // Without randomness there is no jitter.
        let _ = getrandom::fill(&mut random);
        let less = u32::from(u16::from_be_bytes(random));
        let longest = longest.min(LONGEST_PAUSE);
        longest - longest / 2 * less / u32::from(u16::MAX)
    }

    /// Waits, but not when the orders are others than those of this version.
    fn pause(&self, pause: Duration, version: u64) {
        let deadline = Instant::now() + pause;
        while !self.ends() && self.orders.version() == version {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.queue.wait(left.min(IDLE));
        }
    }
}

/// The first line, cut off.
fn shortened(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.get(..line.floor_char_boundary(200)).unwrap_or(line)
}

/// A client for as long as the target stays the same.
#[derive(Default)]
pub struct Cached(Mutex<Option<(u64, Arc<Client>)>>);

impl Cached {
    pub fn get(
        &self,
        version: u64,
        make: impl FnOnce() -> Result<Client, String>,
    ) -> Result<Arc<Client>, String> {
        let mut cached = self.0.lock();
        if let Some((made, client)) = &*cached
            && *made == version
        {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(make()?);
        *cached = Some((version, Arc::clone(&client)));
        Ok(client)
    }
}
