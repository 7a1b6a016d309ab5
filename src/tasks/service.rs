//! Which run comes when. One loop looks for times that have come; runs go on threads of their own, a bounded
//! number at once, and of each task no more than its option `concurrency` says.

use super::options::TaskOptions;
use super::record::{Run, RunStatus, Task};
use super::run::{Executor, log};
use super::schedule::Schedule;
use crate::catalog::{CatalogError, Documents};
use crate::clock::now_ns;
use crate::model::{Id, OrgId};
use crate::storage::meta_store::MetaStore;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Runs of a task that are kept.
const RUNS_KEPT: usize = 100;
/// Times that are made up for after the server was away; older ones are passed over.
const CATCH_UP_MAX: i64 = 1000;
/// The loop looks at the clock at least so often: clocks are set.
const NAP: Duration = Duration::from_secs(10);

/// For `/metrics`, since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct TaskFigures {
    pub active: u64,
    pub running: u64,
    pub waiting: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub canceled: u64,
    pub skipped: u64,
}

#[derive(Default)]
struct State {
    /// By run: its task, and how to stop it.
    running: BTreeMap<Id, (Id, Arc<AtomicBool>)>,
    /// By task, in order.
    waiting: BTreeMap<Id, VecDeque<Run>>,
    /// Options as read from the text of that time of change.
    options: BTreeMap<Id, (i64, TaskOptions)>,
    last_number: u64,
}

pub struct Tasks {
    pub tasks: Documents<Task>,
    runs: Documents<Run>,
    executor: Executor,
    state: Mutex<State>,
    wake: Notify,
    slots: Arc<Semaphore>,
    stopping: AtomicBool,
    succeeded: AtomicU64,
    failed: AtomicU64,
    canceled: AtomicU64,
    skipped: AtomicU64,
}

impl Tasks {
    /// Runs that were going on when the server ended are marked failed, and their times come again.
    pub fn load(
        store: Arc<dyn MetaStore>,
        executor: Executor,
        workers: usize,
    ) -> Result<Self, CatalogError> {
        let tasks = Documents::<Task>::load(Arc::clone(&store))?;
        let runs = Documents::<Run>::load(store)?;
        let mut all = runs.list(|_| true);
        all.sort_by_key(|run| run.number);
        let service = Self {
            tasks,
            runs,
            executor,
            state: Mutex::default(),
            wake: Notify::new(),
            slots: Arc::new(Semaphore::new(workers.max(1))),
            stopping: AtomicBool::new(false),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            canceled: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        };
        service.state.lock().last_number = all.last().map_or(0, |run| run.number);
        for run in all {
            let Some(task) = service.tasks.get(run.task) else {
                service.runs.delete(run.id)?;
                continue;
            };
            // The run is on disk before the task knows of its time.
            if run.requested.is_none() && run.scheduled_for > task.scheduled {
                service.tasks.update(task.id, |_, task| {
                    task.scheduled = run.scheduled_for;
                    Ok(())
                })?;
            }
            match run.status {
                RunStatus::Scheduled => service.enqueue(run),
                RunStatus::Started => service.again(run)?,
                _ => {}
            }
        }
        Ok(service)
    }

    fn again(&self, run: Run) -> Result<(), CatalogError> {
        let (task, org) = (run.task, run.org);
        let (scheduled_for, requested) = (run.scheduled_for, run.requested);
        self.runs.update(run.id, |_, run| {
            run.status = RunStatus::Failed;
            run.finished = Some(now_ns());
            log(
                run,
                "The server ended while this went on; the time is run again",
            );
            Ok(())
        })?;
        let run = self.new_run(task, org, scheduled_for, requested)?;
        self.enqueue(run);
        Ok(())
    }

    fn new_run(
        &self,
        task: Id,
        org: OrgId,
        scheduled_for: i64,
        requested: Option<i64>,
    ) -> Result<Run, CatalogError> {
        let number = {
            let mut state = self.state.lock();
            state.last_number += 1;
            state.last_number
        };
        let run = Run {
            id: Id::random(),
            task,
            org,
            status: RunStatus::Scheduled,
            scheduled_for,
            requested,
            started: None,
            finished: None,
            log: Vec::new(),
            number,
        };
        self.runs.create(run, |_| Ok(()))
    }

    fn enqueue(&self, run: Run) {
        let mut state = self.state.lock();
        state.waiting.entry(run.task).or_default().push_back(run);
    }

    /// Looks at the clock until the server stops.
    pub async fn run_on_time(self: Arc<Self>) {
        let runtime = Handle::current();
        while !self.stopping.load(Ordering::Relaxed) {
            let next = self.look(now_ns());
            self.dispatch(&runtime);
            let wait = next.map_or(NAP, |due| {
                Duration::from_nanos((due - now_ns()).max(0).unsigned_abs())
            });
            let _ = tokio::time::timeout(wait.min(NAP), self.wake.notified()).await;
        }
    }

    /// Ends what runs; the times of those runs come again with the next start.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        for (_, cancelled) in self.state.lock().running.values() {
            cancelled.store(true, Ordering::Relaxed);
        }
        self.wake.notify_one();
    }

    /// Somebody changed a task, or asked for a run.
    pub fn changed(&self) {
        self.wake.notify_one();
    }

    fn options(&self, task: &Task) -> Option<TaskOptions> {
        if let Some((of, options)) = self.state.lock().options.get(&task.id)
            && *of == task.updated
        {
            return Some(options.clone());
        }
        match TaskOptions::read(&task.flux) {
            Ok(options) => {
                let kept = (task.updated, options.clone());
                self.state.lock().options.insert(task.id, kept);
                Some(options)
            }
            Err(error) => {
                log::error!("task {} can't be scheduled: {error}", task.id);
                None
            }
        }
    }

    /// Makes runs of the times that have come; the next time that will.
    fn look(&self, now: i64) -> Option<i64> {
        let mut next: Option<i64> = None;
        for task in self.tasks.list(|task| task.active) {
            if self.executor.catalog.org(task.org).is_none() {
                continue;
            }
            let Some(options) = self.options(&task) else {
                continue;
            };
            match self.make_due(&task, &options, now) {
                Ok(Some(due)) => next = Some(next.map_or(due, |next| next.min(due))),
                Ok(None) => {}
                Err(error) => log::error!("task {} could not be scheduled: {error}", task.id),
            }
        }
        next
    }

    fn make_due(
        &self,
        task: &Task,
        options: &TaskOptions,
        now: i64,
    ) -> Result<Option<i64>, CatalogError> {
        let mut scheduled = task.scheduled;
        if let Some(later) = passed_over(&options.schedule, scheduled, now - options.offset_ns) {
            log::warn!(
                "task {}: times before the last {CATCH_UP_MAX} that were missed are passed over",
                task.id
            );
            self.skipped.fetch_add(1, Ordering::Relaxed);
            scheduled = later;
        }
        loop {
            let Some(time) = options.schedule.next_after(scheduled) else {
                return Ok(None);
            };
            let due = time.saturating_add(options.offset_ns);
            if due > now {
                return Ok(Some(due));
            }
            {
                let state = self.state.lock();
                let waiting = state.waiting.get(&task.id).map_or(0, VecDeque::len);
                if waiting >= options.concurrency {
                    // What ends makes room, and wakes the loop.
                    return Ok(None);
                }
            }
            let run = self.new_run(task.id, task.org, time, None)?;
            self.tasks.update(task.id, |_, task| {
                task.scheduled = time;
                Ok(())
            })?;
            scheduled = time;
            self.enqueue(run);
        }
    }

    /// Starts what waits, as far as there are workers.
    fn dispatch(self: &Arc<Self>, runtime: &Handle) {
        let waiting: Vec<Id> = self.state.lock().waiting.keys().copied().collect();
        for id in waiting {
            let Some(task) = self.tasks.get(id) else {
                self.state.lock().waiting.remove(&id);
                continue;
            };
            let Some(options) = self.options(&task) else {
                continue;
            };
            loop {
                let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
                    return;
                };
                let Some((run, cancelled)) = self.take(&task, options.concurrency) else {
                    break;
                };
                self.start(task.clone(), &options, run, cancelled, slot, runtime);
            }
        }
    }

    fn take(&self, task: &Task, concurrency: usize) -> Option<(Run, Arc<AtomicBool>)> {
        let mut state = self.state.lock();
        let going = state.running.values().filter(|(of, _)| *of == task.id);
        if going.count() >= concurrency {
            return None;
        }
        let queue = state.waiting.get_mut(&task.id)?;
        let run = queue.pop_front();
        if queue.is_empty() {
            state.waiting.remove(&task.id);
        }
        let run = run?;
        let cancelled = Arc::new(AtomicBool::new(false));
        let going = (task.id, Arc::clone(&cancelled));
        state.running.insert(run.id, going);
        Some((run, cancelled))
    }

    fn start(
        self: &Arc<Self>,
        task: Task,
        options: &TaskOptions,
        run: Run,
        cancelled: Arc<AtomicBool>,
        slot: OwnedSemaphorePermit,
        runtime: &Handle,
    ) {
        let (service, handle) = (Arc::clone(self), runtime.clone());
        let (attempts, name) = (options.attempts, options.name.clone());
        runtime.spawn_blocking(move || {
            let started = service.runs.update(run.id, |_, run| {
                run.status = RunStatus::Started;
                run.started = Some(now_ns());
                Ok(())
            });
            let ended = started.map(|run| {
                let executor = &service.executor;
                executor.run(&task, attempts, run, &cancelled, &handle)
            });
            drop(slot);
            service.state.lock().running.remove(&run.id);
            if !service.stopping.load(Ordering::Relaxed)
                && let Err(error) = ended.and_then(|run| service.ended(&task, &name, run))
            {
                log::error!(
                    "run {} of task {} could not be kept: {error}",
                    run.id,
                    task.id
                );
            }
            service.wake.notify_one();
        });
    }

    fn ended(&self, task: &Task, name: &str, ended: Run) -> Result<(), CatalogError> {
        let counter = match ended.status {
            RunStatus::Success => &self.succeeded,
            RunStatus::Canceled => &self.canceled,
            _ => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if ended.status == RunStatus::Failed {
            let reason = ended.log.last().map_or("", |line| line.message.as_str());
            log::warn!("task {} ({name}): {reason}", task.id);
        }
        let error = (ended.status == RunStatus::Failed)
            .then(|| ended.log.last().map(|line| line.message.clone()))
            .flatten();
        self.runs.update(ended.id, |_, run| {
            *run = ended.clone();
            Ok(())
        })?;
        let time = ended.scheduled_for;
        self.tasks.update(task.id, |_, task| {
            task.completed = task.completed.max(Some(time));
            if ended.status == RunStatus::Success {
                task.succeeded = task.succeeded.max(Some(time));
            }
            task.last_status = Some(ended.status);
            task.last_error = error;
            Ok(())
        })?;
        self.executor.record(task, name, &ended);
        self.forget_old(task.id)
    }

    /// Keeps the latest runs only.
    fn forget_old(&self, task: Id) -> Result<(), CatalogError> {
        let mut over = self
            .runs
            .list(|run| run.task == task && run.status.is_over());
        if over.len() <= RUNS_KEPT {
            return Ok(());
        }
        over.sort_by_key(|run| run.number);
        let old: Vec<Id> = over
            .iter()
            .take(over.len() - RUNS_KEPT)
            .map(|run| run.id)
            .collect();
        self.runs.delete_all(|run| old.contains(&run.id))
    }

    /// Runs of a task, the latest first.
    pub fn runs_of(&self, task: Id) -> Vec<Run> {
        let mut runs = self.runs.list(|run| run.task == task);
        runs.sort_by_key(|run| std::cmp::Reverse(run.number));
        runs
    }

    pub fn run_of(&self, task: Id, run: Id) -> Result<Run, CatalogError> {
        self.runs
            .get(run)
            .filter(|run| run.task == task)
            .ok_or_else(|| CatalogError::not_found("run"))
    }

    /// A run of a time that somebody asks for.
    pub fn force(&self, task: &Task, scheduled_for: i64) -> Result<Run, CatalogError> {
        let run = self.new_run(task.id, task.org, scheduled_for, Some(now_ns()))?;
        self.enqueue(run.clone());
        self.changed();
        Ok(run)
    }

    /// Stops a run, or takes it off the list of those that wait.
    pub fn cancel(&self, task: Id, run: Id) -> Result<(), CatalogError> {
        let run = self.run_of(task, run)?;
        let waited = {
            let mut state = self.state.lock();
            if let Some((_, cancelled)) = state.running.get(&run.id) {
                cancelled.store(true, Ordering::Relaxed);
            }
            let queue = state.waiting.get_mut(&task);
            let at = queue
                .as_ref()
                .and_then(|queue| queue.iter().position(|r| r.id == run.id));
            at.zip(queue)
                .and_then(|(at, queue)| queue.remove(at))
                .is_some()
        };
        if waited {
            self.runs.update(run.id, |_, run| {
                run.status = RunStatus::Canceled;
                run.finished = Some(now_ns());
                log(run, "Canceled");
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Deletes the task and its runs; what runs is stopped.
    pub fn delete(&self, task: Id) -> Result<(), CatalogError> {
        self.tasks.delete(task)?;
        {
            let mut state = self.state.lock();
            state.waiting.remove(&task);
            state.options.remove(&task);
            for (of, cancelled) in state.running.values() {
                if *of == task {
                    cancelled.store(true, Ordering::Relaxed);
                }
            }
        }
        self.runs.delete_all(|run| run.task == task)
    }

    /// What goes with an org.
    pub fn delete_of_org(&self, org: OrgId) -> Result<(), CatalogError> {
        for task in self.tasks.list(|task| task.org == org) {
            self.delete(task.id)?;
        }
        Ok(())
    }

    pub fn figures(&self) -> TaskFigures {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let active = self.tasks.list(|task| task.active).len() as u64;
        let state = self.state.lock();
        TaskFigures {
            active,
            running: state.running.len() as u64,
            waiting: state.waiting.values().map(|queue| queue.len() as u64).sum(),
            succeeded: count(&self.succeeded),
            failed: count(&self.failed),
            canceled: count(&self.canceled),
            skipped: count(&self.skipped),
        }
    }
}

/// The time to go on after, when more than [`CATCH_UP_MAX`] times were missed.
fn passed_over(schedule: &Schedule, scheduled: i64, now: i64) -> Option<i64> {
    let first = schedule.next_after(scheduled)?;
    let step = schedule.next_after(first)?.saturating_sub(first);
    let later = now.saturating_sub(step.saturating_mul(CATCH_UP_MAX));
    (later > first).then_some(later)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::plan::Duration as Length;

    #[test]
    fn only_the_latest_of_many_missed_times_are_made_up_for() {
        let second = 1_000_000_000;
        let schedule = Schedule::every(Length::nanoseconds(second)).unwrap();
        assert_eq!(passed_over(&schedule, 0, 500 * second), None);
        assert_eq!(
            passed_over(&schedule, 0, 5000 * second),
            Some(4000 * second)
        );
    }
}
