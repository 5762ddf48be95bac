//! Background jobs: one file per kind, and what runs them.

mod erase_account;
mod export_account;
pub(crate) mod outbox;

use std::time::Duration;

use shared_config::Service;
use shared_jobs::retention::CleanUp;
use shared_jobs::{JobContext, JobError, NewJob, Runner, lease};
use uuid::Uuid;

use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Kind, Progress};
use erase_account::EraseAccount;
use export_account::ExportAccount;

/// Exports and erasures that one process runs at the same time.
const CONCURRENCY: usize = 1;

/// The runner of privacy jobs and of scheduled work.
pub(crate) fn runner(app: &AppState) -> Runner {
    Runner::new(app.db.clone(), app.jobs.clone(), CONCURRENCY)
        .with(ExportAccount::new(app.clone()))
        .with(EraseAccount::new(app.clone()))
        .scheduled(CleanUp::new(
            app.db.clone(),
            Service::Auth,
            app.retention.clone(),
        ))
}

/// The job of a privacy request, to run after `delay`.
pub(crate) fn of_request(kind: Kind, request: Uuid, delay: Duration) -> NewJob {
    NewJob::new(kind.as_str(), request).after(delay)
}

/// The failure of an attempt; its cause is logged.
fn job_error(error: &Error) -> JobError {
    match error {
        Error::Database(cause) if shared_db::is_unavailable(cause) => {
            JobError::unavailable("postgres", cause)
        }
        Error::Redis(cause) | Error::Revocation(cause) => JobError::unavailable("redis", cause),
        error => JobError::internal(error),
    }
}

/// Stores the progress of a request; false when the lease was lost.
async fn save_progress(context: &JobContext, progress: &Progress) -> sqlx::Result<bool> {
    let done = progress.values().filter(|part| part.done).count();
    let percent = i16::try_from(done * 20).unwrap_or(100).min(90);
    let mut tx = context.begin().await?;
    if !lease::report_progress(&mut tx, context.job(), "running", percent).await? {
        return Ok(false);
    }
    privacy_requests::save(&mut tx, context.subject(), progress).await?;
    tx.commit().await?;
    Ok(true)
}
