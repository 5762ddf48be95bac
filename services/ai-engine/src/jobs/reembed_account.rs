//! Embeds what an account has again after the platform's embedding model has changed, and looks at
//! what earlier releases have embedded.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use shared_db::TenantTx;
use shared_jobs::{
    Job, JobContext, JobError, NewJob, Outcome, Progress, ScheduleError, ScheduledWork, lease,
};

use crate::app::index::ingest::Supervisor;
use crate::app::index::ingest_error::IngestError;
use crate::app::index::reembed::{self, Reembedded};
use crate::state::AppState;
use crate::store::vector_models;

/// Accounts of one scheduled run.
const ACCOUNTS: u8 = 200;
/// An account has the embedding model no longer than this; then the next one has its turn.
const TURN_TIMEOUT: Duration = Duration::from_mins(5);
/// Behind all other work of the account.
const PRIORITY: i16 = -10;

/// The job of one account.
pub(crate) struct ReembedAccountJob {
    state: AppState,
}

/// Nothing: the job does whatever is left to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rest {}

impl ReembedAccountJob {
    pub(super) const fn new(state: AppState) -> Self {
        Self { state }
    }
}

impl Job for ReembedAccountJob {
    const KIND: &'static str = "reembed_account";
    const TIMEOUT: Duration = Duration::from_mins(30);
    /// Until it is done, search misses something.
    const NEVER_FAILS: bool = true;
    type Payload = Rest;

    async fn run(&self, context: &JobContext, _: Rest) -> Result<Outcome, JobError> {
        let until = Instant::now() + TURN_TIMEOUT;
        let worker = Worker(context);
        let ended = reembed::run(&self.state, context.tenant(), &worker, until).await;
        match ended {
            Ok(Reembedded::Done) => Ok(Outcome::Done),
            Ok(Reembedded::Later(time)) => Ok(Outcome::Continue(time)),
            Err(IngestError::NotOurs) => Ok(Outcome::LeaseLost),
            Err(error) => {
                tracing::warn!(%error, "an account is not embedded again yet");
                Err(error.failure().into())
            }
        }
    }
}

/// The worker that holds the lease of the job.
struct Worker<'a>(&'a JobContext);

impl Supervisor for Worker<'_> {
    async fn report(&self, done: u64, total: u64) -> Result<(), IngestError> {
        let percent = done.min(total) * 100 / total.max(1);
        let percent = i16::try_from(percent).unwrap_or(0);
        if self.0.progress("embedding", percent).await? {
            Ok(())
        } else {
            Err(IngestError::NotOurs)
        }
    }

    async fn check(&self, tx: &mut TenantTx) -> Result<(), IngestError> {
        if lease::renew_if_wanted(tx, self.0.job()).await? {
            Ok(())
        } else {
            Err(IngestError::NotOurs)
        }
    }
}

/// Looks for such accounts: at the start of a process with another model, and now and then, since
/// processes of two models run beside each other while one replaces the other.
#[derive(Debug)]
pub(super) struct ReembedAccounts {
    state: AppState,
}

impl ReembedAccounts {
    pub(super) const fn new(state: AppState) -> Self {
        Self { state }
    }
}

impl ScheduledWork for ReembedAccounts {
    const NAME: &'static str = "reembed_accounts";
    const INTERVAL: Duration = Duration::from_mins(2);
    const TIMEOUT: Duration = Duration::from_mins(10);

    async fn run(&self) -> Result<Progress, ScheduleError> {
        let app = &self.state;
        let model = &app.embedder.model().recorded_name;
        let accounts = vector_models::accounts_to_embed(&app.db, model, ACCOUNTS.into()).await?;
        #[expect(clippy::cast_precision_loss, reason = "some hundreds of accounts")]
        metrics::gauge!("ai_engine_accounts_to_reembed").set(accounts.len() as f64);
        for tenant in accounts {
            let kind = ReembedAccountJob::KIND;
            let job = NewJob::new(kind, tenant.as_uuid());
            let job = job.dedupe(kind).priority(PRIORITY);
            let mut tx = app.db.tenant(tenant).await?;
            app.jobs.enqueue(&mut tx, job).await?;
            tx.commit().await?;
        }
        Ok(Progress::Done)
    }
}
