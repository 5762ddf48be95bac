//! Sends what is in the outbox, and answers who asked for a new password.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::smtp::SmtpError;
use super::{Letter, Post, letters, place};
use crate::domain::email_token::{EmailToken, Purpose};
use crate::error::Error;
use crate::state::AppState;
use crate::store::mail_outbox::{self, Claim};
use crate::store::{directory, email_tokens, reset_requests, users};

/// Between two looks when nobody wakes the worker.
const LOOK: Duration = Duration::from_secs(2);
/// After a failure of the database.
const RECOVER: Duration = Duration::from_secs(5);
/// How long a worker may be silent before its letter is given to another, seconds.
const LEASE_SECONDS: f64 = 60.0;
/// After so many attempts, over about three hours, a letter is given up.
const ATTEMPTS: i32 = 14;
/// Longest wait between two attempts, seconds.
const LONGEST_WAIT: f64 = 1_200.0;

/// Works until told to stop.
pub(crate) async fn run(app: AppState, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match round(&app, &stop).await {
            Ok(()) => LOOK,
            Err(error) => {
                tracing::warn!(%error, "letters cannot be sent at the moment");
                RECOVER
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.post.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Does everything that is due.
async fn round(app: &AppState, stop: &CancellationToken) -> Result<(), Error> {
    while !stop.is_cancelled() && answer_reset_request(app).await? {}
    while !stop.is_cancelled() && app.post.sender.is_some() {
        let mut before = app.db.system().await?;
        let claim = mail_outbox::claim(&mut before, LEASE_SECONDS).await?;
        before.commit().await?;
        let Some(claim) = claim else { break };
        deliver(app, &claim).await?;
    }
    Ok(())
}

async fn deliver(app: &AppState, claim: &Claim) -> Result<(), Error> {
    let mut reading = app.db.tenant_read(claim.creator).await?;
    let row = mail_outbox::find(&mut reading, claim.id).await?;
    drop(reading);
    let Some(row) = row else { return Ok(()) };
    let outcome = if row.expired {
        Err(SmtpError::Refused("expired before it was sent".to_owned()))
    } else {
        match open(&app.post, row.id, &row.body) {
            Ok(text) => {
                let (to, subject) = (row.recipient, row.subject);
                let life = Duration::ZERO;
                let letter = Letter {
                    to,
                    subject,
                    text,
                    life,
                };
                send(&app.post, claim, &letter).await
            }
            Err(error) => Err(SmtpError::Refused(error.to_string())),
        }
    };
    record(app, claim, outcome).await
}

async fn send(post: &Post, claim: &Claim, letter: &Letter) -> Result<(), SmtpError> {
    match &post.sender {
        Some(sender) => sender.send(claim.id, letter).await,
        None => Err(SmtpError::Later("there is no mail server".to_owned())),
    }
}

async fn record(
    app: &AppState,
    claim: &Claim,
    outcome: Result<(), SmtpError>,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(claim.creator).await?;
    let counted = match outcome {
        Ok(()) => {
            mail_outbox::sent(&mut tx, claim).await?;
            "sent"
        }
        Err(SmtpError::Later(reason)) if claim.attempt < ATTEMPTS => {
            let wait = (5.0 * 2_f64.powi(claim.attempt - 1)).min(LONGEST_WAIT);
            tracing::warn!(letter = %claim.id, reason, "a letter waits for another attempt");
            mail_outbox::failed(&mut tx, claim, &reason, Some(wait)).await?;
            "postponed"
        }
        Err(SmtpError::Later(reason) | SmtpError::Refused(reason)) => {
            tracing::error!(letter = %claim.id, reason, "a letter was given up");
            mail_outbox::failed(&mut tx, claim, &reason, None).await?;
            "dead"
        }
    };
    tx.commit().await?;
    metrics::counter!("auth_letters_total", "outcome" => counted).increment(1);
    Ok(())
}

/// Opens a letter's text.
pub(crate) fn open(post: &Post, id: uuid::Uuid, sealed: &str) -> Result<String, Error> {
    let decrypted = post.encryptor.decrypt(&place(id), sealed)?;
    Ok(String::from_utf8_lossy(decrypted.plaintext.expose()).into_owned())
}

/// Writes to one who asked for a new password, if there is an account; false when nobody asked.
/// The request goes when the letter is in the outbox.
async fn answer_reset_request(app: &AppState) -> Result<bool, Error> {
    let mut request = app.db.system().await?;
    let Some(email) = reset_requests::take(&mut request).await? else {
        return Ok(false);
    };
    if let Some(login) = directory::find_login(&app.db, &email).await? {
        let mut tx = app.db.tenant(login.creator).await?;
        if let Some(user) = users::find(&mut tx, login.user).await? {
            let token = EmailToken::random()?;
            let (purpose, life) = (Purpose::PasswordReset, letters::RESET_LIFE);
            email_tokens::put(&mut tx, user.id, purpose, &token.hash(), life).await?;
            let (to, name) = (user.email.as_str(), user.full_name.as_str());
            let letter = letters::password_reset(&app.post, to, name, token.as_str());
            app.post.put(&mut tx, &letter).await?;
            tx.commit().await?;
        }
    }
    request.commit().await?;
    Ok(true)
}
