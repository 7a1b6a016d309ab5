//! What is kept of a task and of its runs.

use crate::catalog::{Document, Permission};
use crate::model::{Id, OrgId};
use serde::{Deserialize, Serialize};

/// Times are nanoseconds since the epoch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub id: Id,
    pub org: OrgId,
    pub owner: Id,
    /// What its runs may do: what who wrote its text might do then.
    pub permissions: Vec<Permission>,
    #[serde(default)]
    pub description: String,
    pub active: bool,
    pub flux: String,
    /// The schedule is asked for times after this one.
    pub scheduled: i64,
    /// The scheduled time of the last run that ended.
    #[serde(default)]
    pub completed: Option<i64>,
    /// The scheduled time of the last run that succeeded.
    #[serde(default)]
    pub succeeded: Option<i64>,
    #[serde(default)]
    pub last_status: Option<RunStatus>,
    #[serde(default)]
    pub last_error: Option<String>,
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It waits for a worker.
    Scheduled,
    Started,
    Success,
    Failed,
    Canceled,
}

impl RunStatus {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Started => "started",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    pub const fn is_over(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Canceled)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogLine {
    pub time: i64,
    pub message: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    pub id: Id,
    pub task: Id,
    pub org: OrgId,
    pub status: RunStatus,
    pub scheduled_for: i64,
    /// When somebody asked for it; the schedule's own runs have none.
    #[serde(default)]
    pub requested: Option<i64>,
    #[serde(default)]
    pub started: Option<i64>,
    #[serde(default)]
    pub finished: Option<i64>,
    #[serde(default)]
    pub log: Vec<LogLine>,
    /// Counts up, so that runs of one time keep their order.
    pub number: u64,
}

impl Document for Task {
    const PREFIX: &'static str = "task/";
    const NAME: &'static str = "task";

    fn id(&self) -> Id {
        self.id
    }

    fn org(&self) -> OrgId {
        self.org
    }
}

impl Document for Run {
    const PREFIX: &'static str = "task_run/";
    const NAME: &'static str = "run";

    fn id(&self) -> Id {
        self.id
    }

    fn org(&self) -> OrgId {
        self.org
    }
}
