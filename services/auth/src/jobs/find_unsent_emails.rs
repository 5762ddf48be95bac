//! Enqueues the jobs of emails that have none, and answers reset requests that have none: those
//! that a process of the version before has written, and emails from before a mail server was
//! configured.

use std::time::Duration;

use shared_jobs::{Job, JobContext, JobError, NewJob, Outcome};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::answer_reset_request::answer_oldest;
use super::{NoPayload, job_error};
use crate::error::Error;
use crate::state::AppState;
use crate::store::mail_outbox;

/// How often the job looks.
const INTERVAL: Duration = Duration::from_mins(1);
/// A process of the version before sends what it has written itself, within this time.
const GRACE_PERIOD: Duration = Duration::from_secs(30);
/// Emails and reset requests that one attempt handles.
const MAX_BATCH: i32 = 100;
/// Wait before the job is enqueued again when the database is unavailable at the start.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// The job. There is one row of it for all processes, which is never completed.
pub(super) struct FindUnsentEmails {
    app: AppState,
}

impl FindUnsentEmails {
    pub(super) const fn new(app: AppState) -> Self {
        Self { app }
    }

    /// Returns whether there may be more.
    async fn run_once(&self) -> Result<bool, Error> {
        let app = &self.app;
        let mut answered = 0;
        while answered < MAX_BATCH && answer_oldest(app).await? {
            answered += 1;
        }
        if app.mailer.smtp.is_none() {
            return Ok(answered == MAX_BATCH);
        }
        let mut system = app.db.system().await?;
        let found = mail_outbox::without_job(&mut system, GRACE_PERIOD, MAX_BATCH).await?;
        drop(system);
        for (tenant, email) in &found {
            let mut tx = app.db.tenant(*tenant).await?;
            app.mailer.enqueue_job(&mut tx, *email).await?;
            tx.commit().await?;
        }
        let is_full = i32::try_from(found.len()).is_ok_and(|found| found == MAX_BATCH);
        Ok(is_full || answered == MAX_BATCH)
    }
}

impl Job for FindUnsentEmails {
    const KIND: &'static str = "find_unsent_emails";
    const TIMEOUT: Duration = Duration::from_mins(5);
    const NEVER_FAILS: bool = true;
    type Payload = NoPayload;

    async fn run(&self, _: &JobContext, _: NoPayload) -> Result<Outcome, JobError> {
        let more = self.run_once().await.map_err(|error| job_error(&error))?;
        Ok(Outcome::Continue(if more {
            Duration::ZERO
        } else {
            INTERVAL
        }))
    }
}

/// Enqueues the job, unless it exists; returns when it does.
pub(super) async fn ensure(app: &AppState, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        match enqueue(app).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "search for unsent emails not enqueued; retrying"),
        }
        let _ = stop
            .run_until_cancelled(tokio::time::sleep(RETRY_INTERVAL))
            .await;
    }
}

async fn enqueue(app: &AppState) -> sqlx::Result<()> {
    let mut tx = app.db.tenant(shared_jobs::platform()).await?;
    let job = NewJob::new(FindUnsentEmails::KIND, Uuid::nil()).dedupe(FindUnsentEmails::KIND);
    app.jobs.enqueue(&mut tx, job).await?;
    tx.commit().await
}
