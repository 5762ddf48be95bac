//! Background jobs: one file per kind, and what runs them.

mod answer_reset_request;
mod erase_account;
mod export_account;
mod find_unsent_emails;
mod seal_audit_logs;
mod send_email;

use std::time::Duration;

use futures_util::future::OptionFuture;
use shared_config::Service;
use shared_jobs::retention::CleanUp;
use shared_jobs::{JobContext, JobError, NewJob, Runner, lease};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::error::Error;
use crate::state::AppState;
use crate::store::privacy_requests::{self, Kind, Progress};
use answer_reset_request::AnswerResetRequest;
use erase_account::EraseAccount;
use export_account::ExportAccount;
use find_unsent_emails::FindUnsentEmails;
use seal_audit_logs::SealAuditLogs;
use send_email::SendEmail;

/// Exports and erasures that one process runs at the same time.
const PRIVACY_CONCURRENCY: usize = 1;
/// Emails that one process sends at the same time: one, so that emails to one person arrive in
/// their order.
const EMAIL_CONCURRENCY: usize = 1;
/// Short work of the platform that one process runs at the same time.
const PLATFORM_CONCURRENCY: usize = 2;

/// Jobs whose subject says everything.
type NoPayload = serde_json::Map<String, serde_json::Value>;

/// Runs the jobs until `stop`. Each group has workers of its own, so that an export of an hour or a
/// slow mail server delays nothing else.
pub(crate) async fn run(app: &AppState, stop: &CancellationToken) {
    let runner = |concurrency| Runner::new(app.db.clone(), app.jobs.clone(), concurrency);
    let privacy = runner(PRIVACY_CONCURRENCY)
        .with(ExportAccount::new(app.clone()))
        .with(EraseAccount::new(app.clone()));
    let platform = runner(PLATFORM_CONCURRENCY)
        .with(AnswerResetRequest::new(app.clone()))
        .with(FindUnsentEmails::new(app.clone()))
        .scheduled(SealAuditLogs::new(app.clone()))
        .scheduled(CleanUp::new(
            app.db.clone(),
            Service::Auth,
            app.retention.clone(),
        ));
    // Without a mail server, nothing of this kind is enqueued or claimed.
    let emails = app
        .mailer
        .smtp
        .is_some()
        .then(|| runner(EMAIL_CONCURRENCY).with(SendEmail::new(app.clone())));
    tokio::join!(
        privacy.run(stop.clone()),
        platform.run(stop.clone()),
        OptionFuture::from(emails.map(|emails| emails.run(stop.clone()))),
        find_unsent_emails::ensure(app, stop),
    );
}

/// What seals the audit logs, for tests that do not wait for its time.
pub(crate) const fn seal_audit_logs(app: AppState) -> SealAuditLogs {
    SealAuditLogs::new(app)
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
        Error::Redis(cause) => JobError::unavailable("redis", cause),
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
