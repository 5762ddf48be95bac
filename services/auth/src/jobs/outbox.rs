//! Sends the emails of the outbox, and answers password reset requests.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clients::smtp::SmtpError;
use crate::domain::email::{self, EmailMessage, RESET_TTL};
use crate::domain::email_token::{EmailToken, Purpose};
use crate::error::Error;
use crate::state::AppState;
use crate::store::mail_outbox::{self, ClaimedMail, MailRow};
use crate::store::{email_tokens, login_lookup, reset_requests, users};

/// How often the job polls without a wake-up.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Wait after a failure of the database.
const FAILURE_BACKOFF: Duration = Duration::from_secs(5);
/// How long a worker may take before its email is given to another one, seconds.
const LEASE_TTL_SECONDS: f64 = 60.0;
/// Attempts, spread over about three hours, before an email is dead.
const MAX_ATTEMPTS: i32 = 14;
/// Wait after the first failed attempt, seconds; it doubles with each attempt.
const FIRST_BACKOFF_SECONDS: f64 = 5.0;
/// Longest wait between two attempts, seconds.
const MAX_BACKOFF_SECONDS: f64 = 1_200.0;

/// Sends emails until `stop`.
pub(crate) async fn run(app: AppState, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match run_due(&app, &stop).await {
            Ok(()) => POLL_INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "outbox not processed; retrying");
                FAILURE_BACKOFF
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.mailer.woken() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Processes everything that is due.
async fn run_due(app: &AppState, stop: &CancellationToken) -> Result<(), Error> {
    while !stop.is_cancelled() && answer_reset_request(app).await? {}
    while !stop.is_cancelled() && app.mailer.smtp.is_some() {
        let mut system = app.db.system().await?;
        let claimed = mail_outbox::claim(&mut system, LEASE_TTL_SECONDS).await?;
        system.commit().await?;
        let Some(claim) = claimed else { break };
        deliver(app, &claim).await?;
    }
    Ok(())
}

async fn deliver(app: &AppState, claim: &ClaimedMail) -> Result<(), Error> {
    let mut reading = app.db.tenant_read(claim.creator).await?;
    let found = mail_outbox::find(&mut reading, claim.id).await?;
    drop(reading);
    let Some(row) = found else { return Ok(()) };
    let result = send(app, row).await;
    record(app, claim, result).await
}

async fn send(app: &AppState, row: MailRow) -> Result<(), SmtpError> {
    if row.expired {
        return Err(SmtpError::Permanent(
            "expired before it was sent".to_owned(),
        ));
    }
    let Some(smtp) = &app.mailer.smtp else {
        return Err(SmtpError::Transient(
            "no mail server is configured".to_owned(),
        ));
    };
    let decrypted = app.mailer.decrypt(row.id, &row.body);
    let text = decrypted.map_err(|error| SmtpError::Permanent(error.to_string()))?;
    let message = EmailMessage {
        to: row.recipient,
        subject: row.subject,
        text,
    };
    smtp.send(row.id, &message).await
}

async fn record(
    app: &AppState,
    claim: &ClaimedMail,
    result: Result<(), SmtpError>,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let outcome = match result {
        Ok(()) => {
            mail_outbox::mark_sent(&mut tx, claim).await?;
            "sent"
        }
        Err(SmtpError::Transient(reason)) if claim.attempt < MAX_ATTEMPTS => {
            let retry_after = backoff_seconds(claim.attempt);
            tracing::warn!(email = %claim.id, reason, "email not sent; retry scheduled");
            mail_outbox::mark_failed(&mut tx, claim, &reason, Some(retry_after)).await?;
            "postponed"
        }
        Err(SmtpError::Transient(reason) | SmtpError::Permanent(reason)) => {
            tracing::error!(email = %claim.id, reason, "email not sent; no more attempts");
            mail_outbox::mark_failed(&mut tx, claim, &reason, None).await?;
            "dead"
        }
    };
    tx.commit().await?;
    metrics::counter!("auth_emails_total", "outcome" => outcome).increment(1);
    Ok(())
}

fn backoff_seconds(attempt: i32) -> f64 {
    (FIRST_BACKOFF_SECONDS * 2_f64.powi(attempt - 1)).min(MAX_BACKOFF_SECONDS)
}

/// Queues the reset email of one request, if the address has an account; false when no request is
/// pending. The request is deleted after the email is queued, so that a crash repeats it.
async fn answer_reset_request(app: &AppState) -> Result<bool, Error> {
    let mut system = app.db.system().await?;
    let Some(address) = reset_requests::take_oldest(&mut system).await? else {
        return Ok(false);
    };
    if let Some(login) = login_lookup::find_login(&app.db, &address).await? {
        let mut tx = app.db.tenant(login.creator).await?;
        if let Some(user) = users::find(&mut tx, login.user).await? {
            let token = EmailToken::random()?;
            let purpose = Purpose::PasswordReset;
            email_tokens::replace(&mut tx, user.id, purpose, &token.hash(), RESET_TTL).await?;
            let links = &app.mailer.links;
            let message =
                email::password_reset(links, &user.email, &user.full_name, token.as_str());
            app.mailer.enqueue(&mut tx, &message).await?;
            tx.commit().await?;
        }
    }
    system.commit().await?;
    Ok(true)
}
