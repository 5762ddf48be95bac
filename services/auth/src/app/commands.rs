//! The commands of the binary besides `serve`.

use std::fmt::Write as _;

use shared_models::Email;
use shared_web::serve::StartError;
use uuid::Uuid;

use super::platform_admins;
use crate::config::Config;
use crate::domain::login_address::LoginAddress;
use crate::state::AppState;
use crate::store::mail_outbox::{self, UnsentEmail};
use crate::subscriptions;

/// A failed command.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The settings or the connections are invalid.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The command itself failed.
    #[error("{0}")]
    Failed(String),
}

/// Lists the events that a subscription has set aside, or delivers one of them again.
pub async fn events(config: &Config, arguments: &[String]) -> Result<String, CommandError> {
    let dispatcher = subscriptions::dispatcher(&AppState::new(config)?);
    let output = shared_events::commands::run(&dispatcher, arguments).await;
    output.map_err(failed)
}

/// Lists the emails that are queued or dead, newest first. Their texts are shown only when no mail
/// server is configured: otherwise they are private to their recipients.
pub async fn outbox(config: &Config) -> Result<String, CommandError> {
    let app = AppState::new(config)?;
    let show_text = app.mailer.smtp.is_none();
    let mut output = String::new();
    for row in unsent(&app).await.map_err(failed)? {
        let state = if row.expired {
            "expired"
        } else {
            row.state.as_str()
        };
        let UnsentEmail {
            created_at,
            recipient,
            subject,
            ..
        } = &row;
        let reason = row.error_reason.as_deref().unwrap_or("");
        let line = format!("{created_at} {state} to {recipient}: {subject} {reason}");
        writeln!(output, "{} ({})", line.trim_end(), row.id).map_err(failed)?;
        if show_text {
            let text = app.mailer.decrypt(row.id, &row.body).map_err(failed)?;
            writeln!(output, "\n{}\n", text.trim_end()).map_err(failed)?;
        }
    }
    if output.is_empty() {
        output.push_str("the outbox is empty\n");
    }
    Ok(output)
}

async fn unsent(app: &AppState) -> sqlx::Result<Vec<UnsentEmail>> {
    let mut system = app.db.system().await?;
    let ids = mail_outbox::unsent(&mut system).await?;
    drop(system);
    let mut rows = Vec::with_capacity(ids.len());
    for (tenant, id) in ids {
        let mut tx = app.db.tenant_read(tenant).await?;
        rows.extend(mail_outbox::find(&mut tx, id).await?);
    }
    Ok(rows)
}

/// Queues an email again that was given up, by the id that [`outbox`] shows.
pub async fn retry_email(config: &Config, id: &str) -> Result<String, CommandError> {
    let id: Uuid = id.parse().map_err(failed)?;
    let app = AppState::new(config)?;
    if !requeue(&app, id).await.map_err(failed)? {
        return Err(failed(
            "no email with this id was given up, or it has expired",
        ));
    }
    Ok(format!("email {id} is queued again\n"))
}

async fn requeue(app: &AppState, id: Uuid) -> sqlx::Result<bool> {
    let mut system = app.db.system().await?;
    let unsent = mail_outbox::unsent(&mut system).await?;
    drop(system);
    let Some((tenant, _)) = unsent.into_iter().find(|(_, email)| *email == id) else {
        return Ok(false);
    };
    let mut tx = app.db.tenant(tenant).await?;
    let requeued = mail_outbox::requeue(&mut tx, id).await?;
    app.mailer.enqueue_job(&mut tx, id).await?;
    tx.commit().await?;
    Ok(requeued)
}

/// Makes the user of an email address a platform administrator.
pub async fn grant_admin(config: &Config, email: &str) -> Result<String, CommandError> {
    let email = Email::parse(email).map_err(failed)?;
    let app = AppState::new(config)?;
    if !platform_admins::grant(&app, &email).await.map_err(failed)? {
        return Err(failed("no account has this email address"));
    }
    let email = email.as_str();
    Ok(format!("{email} is an administrator of the platform\n"))
}

/// Removes a platform administrator.
pub async fn revoke_admin(config: &Config, email: &str) -> Result<String, CommandError> {
    let address = LoginAddress::parse(email).map_err(failed)?;
    let app = AppState::new(config)?;
    if !platform_admins::revoke(&app, &address)
        .await
        .map_err(failed)?
    {
        return Err(failed("no administrator has this email address"));
    }
    let email = address.spelling();
    Ok(format!(
        "{email} is no longer an administrator of the platform\n"
    ))
}

fn failed(error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(error.to_string())
}
