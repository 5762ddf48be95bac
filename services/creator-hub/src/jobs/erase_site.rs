//! Removes a site: its documents, each by a job of its own, then its row with its pages.

use std::time::Duration;

use shared_jobs::{Job, JobContext, JobError, NewJob, Outcome};
use shared_models::SiteId;

use crate::app::library;
use crate::state::AppState;
use crate::store::{documents, sites};

/// Documents that one transaction hides.
const BATCH: i64 = 20;

/// The job: what a creator deleted must be erased.
pub(crate) struct EraseSite {
    state: AppState,
}

impl EraseSite {
    pub(crate) const fn new(state: AppState) -> Self {
        Self { state }
    }

    /// A job that erases this site.
    pub(crate) fn of(site: SiteId) -> NewJob {
        NewJob::new(Self::KIND, site.as_uuid())
    }
}

impl Job for EraseSite {
    const KIND: &'static str = "erase_site";
    const TIMEOUT: Duration = Duration::from_mins(5);
    const NEVER_FAILS: bool = true;
    type Payload = serde_json::Map<String, serde_json::Value>;

    async fn run(&self, context: &JobContext, _: Self::Payload) -> Result<Outcome, JobError> {
        let site = SiteId::from(context.subject());
        loop {
            let mut tx = context.begin().await?;
            let found = documents::of_site(&mut tx, site, BATCH).await?;
            if found.is_empty() {
                if !context.complete(&mut tx).await? {
                    return Ok(Outcome::LeaseLost);
                }
                sites::remove(&mut tx, site).await?;
                tx.commit().await?;
                return Ok(Outcome::Completed);
            }
            for document in found {
                library::begin_erasure(&self.state, &mut tx, document).await?;
            }
            tx.commit().await?;
        }
    }
}
