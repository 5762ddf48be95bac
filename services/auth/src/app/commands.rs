//! What the platform's engineer does by the binary, beside serving.

use std::fmt::Write as _;

use shared_models::Email;
use shared_web::serve::ServeError;

use crate::config::Config;
use crate::mail::worker;
use crate::state::AppState;
use crate::store::{mail_outbox, platform_admins};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The process could not be set up.
    #[error(transparent)]
    Start(#[from] ServeError),
    /// The database, or what it holds.
    #[error("{0}")]
    Failed(String),
}

/// Prints the letters that wait or were given up, newest first. Their texts are shown only where
/// there is no mail server: elsewhere they are the business of whom they are addressed to.
pub async fn outbox(config: &Config) -> Result<String, CommandError> {
    let shown = config.mail.smtp.is_none();
    let app = AppState::new(config)?;
    let mut before = app.db.system().await.map_err(failed)?;
    let letters = mail_outbox::unsent(&mut before).await.map_err(failed)?;
    drop(before);
    let mut text = String::new();
    for (creator, id) in letters {
        let mut tx = app.db.tenant_read(creator).await.map_err(failed)?;
        let Some(row) = mail_outbox::find(&mut tx, id).await.map_err(failed)? else {
            continue;
        };
        let state = if row.expired { "expired" } else { &row.state };
        let reason = row.error_reason.as_deref().unwrap_or("");
        let (at, to, about) = (row.created_at, &row.recipient, &row.subject);
        writeln!(text, "{at} {state} to {to}: {about} {reason}").map_err(failed)?;
        if shown {
            let body = worker::open(&app.post, row.id, &row.body).map_err(failed)?;
            writeln!(text, "\n{}\n", body.trim_end()).map_err(failed)?;
        }
    }
    if text.is_empty() {
        text.push_str("no letter waits\n");
    }
    Ok(text)
}

/// Makes the owner of an address an administrator of the platform, or takes that back.
pub async fn administer(
    config: &Config,
    email: &str,
    granted: bool,
) -> Result<String, CommandError> {
    let email = Email::parse(email).map_err(failed)?;
    let app = AppState::new(config)?;
    let mut tx = app.db.system().await.map_err(failed)?;
    let known = if granted {
        platform_admins::grant(&mut tx, &email).await
    } else {
        platform_admins::withdraw(&mut tx, &email).await
    };
    if !known.map_err(failed)? {
        let text = "nobody with that address has an account, or is an administrator";
        return Err(failed(text));
    }
    tx.commit().await.map_err(failed)?;
    let state = if granted { "an" } else { "no longer an" };
    let email = email.as_str();
    Ok(format!(
        "{email} is {state} administrator of the platform\n"
    ))
}

fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(error.to_string())
}
