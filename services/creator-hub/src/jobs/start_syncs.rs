//! Enqueues the synchronisation of each site that is due.

use std::time::Duration;

use shared_jobs::{Progress, ScheduleError, ScheduledWork};

use crate::jobs::sync_site::SyncSite;
use crate::state::AppState;
use crate::store::sites::rounds;

/// Sites that one run starts.
const SITES: u16 = 200;

/// Looks for sites of all tenants.
pub(super) struct StartSyncs {
    state: AppState,
}

impl StartSyncs {
    pub(super) const fn new(state: AppState) -> Self {
        Self { state }
    }
}

impl ScheduledWork for StartSyncs {
    const NAME: &'static str = "start_syncs";
    const INTERVAL: Duration = Duration::from_mins(1);
    const TIMEOUT: Duration = Duration::from_mins(5);

    async fn run(&self) -> Result<Progress, ScheduleError> {
        let due = rounds::due(&self.state.db, SITES.into()).await?;
        let is_all = due.len() < usize::from(SITES);
        for (tenant, site) in due {
            let mut tx = self.state.db.tenant(tenant).await?;
            if rounds::take_due(&mut tx, site).await? {
                let jobs = &self.state.jobs;
                jobs.enqueue(&mut tx, SyncSite::of(site)).await?;
            }
            tx.commit().await?;
        }
        Ok(if is_all {
            Progress::Done
        } else {
            Progress::More
        })
    }
}
