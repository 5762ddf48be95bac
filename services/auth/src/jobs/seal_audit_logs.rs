//! Seals the last entry of each audit log that has grown.

use std::time::Duration;

use shared_jobs::{Progress, ScheduleError, ScheduledWork};

use crate::app::audit;
use crate::state::AppState;

/// The work. A second round seals only what the first one has not.
pub(crate) struct SealAuditLogs {
    app: AppState,
}

impl SealAuditLogs {
    pub(super) const fn new(app: AppState) -> Self {
        Self { app }
    }
}

impl ScheduledWork for SealAuditLogs {
    const NAME: &'static str = "seal_audit_logs";
    const INTERVAL: Duration = Duration::from_mins(15);
    const TIMEOUT: Duration = Duration::from_mins(10);

    async fn run(&self) -> Result<Progress, ScheduleError> {
        if audit::checkpoints::seal_all(&self.app).await? {
            Ok(Progress::Done)
        } else {
            Ok(Progress::More)
        }
    }
}
