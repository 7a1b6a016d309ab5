//! Keeps a sender for each replication of the catalog.

use super::remote::{Answer, Client, Target};
use super::sender::{Cached, Sender};
use crate::catalog::{Catalog, Remote, Replication};
use crate::ingest::Ingest;
use crate::ingest::outbound::QueueFigures;
use crate::model::Id;
use crossbeam_channel::{Receiver, bounded};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How long a stop waits for requests under way. What they send is sent again after the next start.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// How a replication fares, since the start.
#[derive(Debug, Clone, Default)]
pub struct Status {
    pub latest_code: Option<u16>,
    /// `None` once something was written again.
    pub latest_error: Option<String>,
    pub sent_points: u64,
    /// Of line protocol.
    pub sent_bytes: u64,
    pub failed_requests: u64,
}

#[derive(Debug, Clone)]
pub struct ReplicationFigures {
    pub id: Id,
    pub queue: QueueFigures,
    pub status: Status,
}

struct State {
    target: Target,
    drop_refused: bool,
    /// Rises with each change.
    version: u64,
    ended: bool,
    status: Status,
}

/// What a sender shall do, and what it says.
pub struct Orders {
    state: Mutex<State>,
    client: Cached,
}

impl Orders {
    fn new(target: Target, drop_refused: bool) -> Self {
        Self {
            state: Mutex::new(State {
                target,
                drop_refused,
                version: 0,
                ended: false,
                status: Status::default(),
            }),
            client: Cached::default(),
        }
    }

    fn change(&self, target: Target, drop_refused: bool) {
        let mut state = self.state.lock();
        state.target = target;
        state.drop_refused = drop_refused;
        state.version += 1;
    }

    pub fn version(&self) -> u64 {
        self.state.lock().version
    }

    pub fn is_ended(&self) -> bool {
        self.state.lock().ended
    }

    pub fn drops_refused(&self) -> bool {
        self.state.lock().drop_refused
    }

    pub fn client(&self) -> Result<Arc<Client>, String> {
        let (version, target) = {
            let state = self.state.lock();
            (state.version, state.target.clone())
        };
        self.client.get(version, || Client::new(target))
    }

    pub fn sent(&self, status: u16, points: u64, bytes: u64) {
        let told = &mut self.state.lock().status;
        told.latest_code = Some(status);
        told.latest_error = None;
        told.sent_points += points;
        told.sent_bytes += bytes;
    }

    pub fn failed(&self, status: Option<u16>, reason: &str) {
        self.told(status, reason);
        self.state.lock().status.failed_requests += 1;
    }

    pub fn told(&self, status: Option<u16>, reason: &str) {
        let told = &mut self.state.lock().status;
        told.latest_code = status.or(told.latest_code);
        told.latest_error = Some(reason.to_owned());
    }
}

struct Running {
    orders: Arc<Orders>,
    /// Disconnected when the sender has ended.
    ended: Receiver<()>,
}

pub struct Replicator {
    ingest: Weak<Ingest>,
    catalog: Arc<Catalog>,
    instance: Option<String>,
    running: Mutex<HashMap<Id, Running>>,
}

impl Replicator {
    /// `instance` becomes a tag of all that is sent.
    pub fn new(ingest: &Arc<Ingest>, catalog: Arc<Catalog>, instance: Option<String>) -> Self {
        Self {
            ingest: Arc::downgrade(ingest),
            catalog,
            instance,
            running: Mutex::default(),
        }
    }

    /// Brings the senders to what the catalog says. To be called after each change of it.
    pub fn refresh(&self) {
        let Some(ingest) = self.ingest.upgrade() else {
            return;
        };
        let mut running = self.running.lock();
        running.retain(|id, _| ingest.queues().get(*id).is_some());
        for replication in self.catalog.replications.list(|_| true) {
            let queue = ingest.queues().get(replication.id);
            let remote = self.catalog.remotes.get(replication.remote);
            let (Some(queue), Some(remote)) = (queue, remote) else {
                continue;
            };
            let target = Target::of(&remote, &replication);
            let drop_refused = replication.drop_non_retryable;
            if let Some(known) = running.get(&replication.id) {
                known.orders.change(target, drop_refused);
                queue.stir();
                continue;
            }
            let orders = Arc::new(Orders::new(target, drop_refused));
            let (alive, ended) = bounded::<()>(0);
            let sender = Sender::new(
                queue,
                Weak::clone(&self.ingest),
                Arc::clone(&orders),
                self.instance.clone(),
            );
            let name = format!("send-{}", replication.id);
            let spawned = std::thread::Builder::new().name(name).spawn(move || {
                sender.run();
                drop(alive);
            });
            match spawned {
                Ok(_) => drop(running.insert(replication.id, Running { orders, ended })),
                Err(error) => log::error!(
                    "replication {} could not be started: {error}",
                    replication.id
                ),
            }
        }
    }

    /// Of a replication with its queue; zeros when it does not run yet.
    pub fn figures_of(&self, id: Id) -> ReplicationFigures {
        let ingest = self.ingest.upgrade();
        let queue = ingest.and_then(|ingest| ingest.queues().get(id));
        let running = self.running.lock();
        let status = running
            .get(&id)
            .map(|running| running.orders.state.lock().status.clone());
        ReplicationFigures {
            id,
            queue: queue.map(|queue| queue.figures()).unwrap_or_default(),
            status: status.unwrap_or_default(),
        }
    }

    pub fn figures(&self) -> Vec<ReplicationFigures> {
        let all = self.catalog.replications.list(|_| true);
        all.iter()
            .map(|replication| self.figures_of(replication.id))
            .collect()
    }

    /// Asks the remote whether it would take something. Blocking.
    pub fn validate(remote: &Remote, replication: &Replication) -> Result<(), String> {
        match Client::new(Target::of(remote, replication))?.write("") {
            Answer::Written { .. } => Ok(()),
            Answer::Refused { status, message } | Answer::Unwilling { status, message } => {
                Err(format!("the remote answered {status}: {message}"))
            }
            Answer::Unable {
                status: Some(status),
                message,
                ..
            } => Err(format!("the remote answered {status}: {message}")),
            Answer::Unable { message, .. } => Err(message),
        }
    }

    /// Ends all senders; a request under way is not waited for long.
    pub fn stop(&self) {
        let running: Vec<Running> = self.running.lock().drain().map(|(_, one)| one).collect();
        for one in &running {
            one.orders.state.lock().ended = true;
        }
        if let Some(ingest) = self.ingest.upgrade() {
            ingest.queues().all().iter().for_each(|queue| queue.stir());
        }
        let deadline = Instant::now() + STOP_PATIENCE;
        for one in running {
            let _ = one.ended.recv_deadline(deadline);
        }
    }
}
