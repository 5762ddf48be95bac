//! Sends an email of the outbox: at least once. After a crash between the mail server's acceptance
//! and the commit it is sent again, with the same message id.

use std::time::Duration;

use shared_db::TenantTx;
use shared_jobs::{Job, JobContext, JobError, Outcome};
use shared_models::{Backoff, Retry};

use super::NoPayload;
use crate::app::mailer;
use crate::clients::smtp::SmtpError;
use crate::domain::email::EmailMessage;
use crate::state::AppState;
use crate::store::mail_outbox::{self, Leased, UnsentEmail};

/// Wait after the first failed attempt; it doubles with each attempt. A mail server that postpones
/// an email expects minutes.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_mins(20));

/// The job.
pub(super) struct SendEmail {
    app: AppState,
}

/// Why an email was not sent.
enum NotSent {
    /// It would be useless by now: its code or link has expired.
    Expired,
    Smtp(SmtpError),
}

impl SendEmail {
    pub(super) const fn new(app: AppState) -> Self {
        Self { app }
    }

    async fn send(&self, row: UnsentEmail) -> Result<(), NotSent> {
        if row.expired {
            return Err(NotSent::Expired);
        }
        let Some(smtp) = &self.app.mailer.smtp else {
            let reason = "no mail server is configured".to_owned();
            return Err(NotSent::Smtp(SmtpError::Transient(reason)));
        };
        let decrypted = self.app.mailer.decrypt(row.id, &row.body);
        let text =
            decrypted.map_err(|error| NotSent::Smtp(SmtpError::Permanent(error.to_string())))?;
        let message = EmailMessage {
            to: row.recipient,
            subject: row.subject,
            text,
        };
        smtp.send(row.id, &message).await.map_err(NotSent::Smtp)
    }
}

impl Job for SendEmail {
    const KIND: &'static str = mailer::SEND_EMAIL;
    /// Not longer than the lease of an email, see `mail_outbox::LEASE_SECONDS`.
    const TIMEOUT: Duration = Duration::from_secs(55);
    type Payload = NoPayload;

    async fn run(&self, context: &JobContext, _: NoPayload) -> Result<Outcome, JobError> {
        let (id, job) = (context.subject(), context.job().id);
        let mut tx = context.begin().await?;
        let leased = mail_outbox::lease(&mut tx, id, job).await?;
        tx.commit().await?;
        let row = match leased {
            Leased::Here(row) => row,
            Leased::Elsewhere(wait) => return Ok(Outcome::Continue(wait)),
            // Sent, given up or deleted.
            Leased::Nothing => return Ok(Outcome::Done),
        };
        if let Err(cause) = self.send(row).await {
            return Err(record_failure(context, &cause).await?);
        }
        let mut tx = context.begin().await?;
        mail_outbox::mark_sent(&mut tx, id, job).await?;
        // Sent is sent, even if another attempt has begun meanwhile: it finds nothing to do.
        let ours = context.complete(&mut tx).await?;
        tx.commit().await?;
        count("sent");
        Ok(if ours {
            Outcome::Completed
        } else {
            Outcome::LeaseLost
        })
    }

    async fn on_failure(
        &self,
        tx: &mut TenantTx,
        context: &JobContext,
        error: &JobError,
        failed: bool,
    ) -> sqlx::Result<()> {
        // `run` has recorded its own failures; this is for attempts that were interrupted.
        if failed && mail_outbox::give_up(tx, context.subject(), &error.reason).await? {
            count("dead");
        }
        Ok(())
    }
}

/// Records the reason with the email, where it stays with the recipient's address, and not with the
/// job. Returns what the job is to do.
async fn record_failure(context: &JobContext, cause: &NotSent) -> sqlx::Result<JobError> {
    let (id, job) = (context.subject(), context.job());
    let mut tx = context.begin().await?;
    let (outcome, error) = match cause {
        NotSent::Expired => {
            tracing::warn!(email = %id, "email not sent: it has expired");
            mail_outbox::give_up(&mut tx, id, "expired before it was sent").await?;
            let reason = "the email expired before it was sent";
            (
                "expired",
                JobError::new("email_expired", reason, Retry::Never),
            )
        }
        NotSent::Smtp(SmtpError::Transient(reason)) => {
            let wait = BACKOFF.after(job.attempt);
            tracing::warn!(email = %id, reason, "email not sent; retry scheduled");
            mail_outbox::postpone(&mut tx, id, job.id, reason, wait).await?;
            let reason = "the mail server did not accept the email yet";
            let error = JobError::new("email_postponed", reason, Retry::UntilAvailable);
            ("postponed", error.after(wait))
        }
        NotSent::Smtp(SmtpError::Permanent(reason)) => {
            tracing::error!(email = %id, reason, "email not sent; no more attempts");
            mail_outbox::give_up(&mut tx, id, reason).await?;
            let reason = "the mail server refused the email";
            ("dead", JobError::new("email_refused", reason, Retry::Never))
        }
    };
    tx.commit().await?;
    count(outcome);
    Ok(error)
}

fn count(outcome: &'static str) {
    metrics::counter!("auth_emails_total", "outcome" => outcome).increment(1);
}
