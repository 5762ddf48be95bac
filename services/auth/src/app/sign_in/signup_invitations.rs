//! Invitations to register, sent by platform administrators.

use axum::http::StatusCode;
use serde::Serialize;
use shared_models::{Email, Page, PageRequest};
use shared_web::{Caller, ClientIp, Idempotent, Paging};
use uuid::Uuid;

use crate::app::idempotency::{self, Execution};
use crate::app::{audit, platform_admins};
use crate::domain::audit::Action;
use crate::domain::email;
use crate::domain::email_token::EmailToken;
use crate::error::{Denied, Error, InvitationRefused};
use crate::state::AppState;
use crate::store::{login_lookup, signup_invitations};

pub(crate) use crate::store::signup_invitations::SignupInvitationRow;

/// A new invitation with its secret token.
#[derive(Debug)]
pub(crate) struct NewSignupInvitation {
    pub(crate) token: String,
    pub(crate) row: SignupInvitationRow,
}

/// Invites an email address to register an account.
pub(crate) async fn create<B: Serialize + Sync>(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    email: &Email,
    request: Idempotent,
    to_body: impl FnOnce(NewSignupInvitation) -> B + Send,
) -> Result<Execution<B>, Error> {
    let user = platform_admins::require(app, caller).await?;
    let request = request.by(user);
    let login = login_lookup::find_login(&app.db, email).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(replayed) = idempotency::replay_encrypted(app, &mut tx, &request).await? {
        return Ok(Execution::Replayed(replayed));
    }
    if login.is_some() {
        return Err(Error::EmailTaken);
    }
    let token = EmailToken::random()?;
    let inserted = signup_invitations::insert(&mut tx, user, email, &token.hash()).await?;
    let row = inserted.ok_or(Denied::NotPlatformAdmin)?;
    let message = email::signup_invitation(&app.mailer.links, email, token.as_str());
    app.mailer.enqueue(&mut tx, &message).await?;
    let audit_event = audit::event(&caller.principal, Action::SignupInvited, ip).on(row.id);
    audit::append(&mut tx, audit_event).await?;
    let body = to_body(NewSignupInvitation {
        token: token.as_str().to_owned(),
        row,
    });
    let status = StatusCode::CREATED;
    let created = idempotency::store_encrypted(app, &mut tx, &request, status, body).await?;
    tx.commit().await?;
    Ok(created)
}

/// Lists invitations, newest first.
pub(crate) async fn list(
    app: &AppState,
    caller: &Caller,
    paging: &Paging,
    page: &PageRequest,
) -> Result<Page<SignupInvitationRow>, Error> {
    let user = platform_admins::require(app, caller).await?;
    let window = paging.window(page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let limit = window.limit + 1;
    let rows = signup_invitations::list(&mut tx, user, window.after, limit).await?;
    Ok(paging.page(rows, window, |row| row.id))
}

/// Revokes an invitation that was not used.
pub(crate) async fn revoke(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    id: Uuid,
) -> Result<(), Error> {
    let user = platform_admins::require(app, caller).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !signup_invitations::revoke(&mut tx, user, id).await? {
        return Err(InvitationRefused::Unknown.into());
    }
    let action = Action::SignupInvitationRevoked;
    let audit_event = audit::event(&caller.principal, action, ip).on(id);
    audit::append(&mut tx, audit_event).await?;
    tx.commit().await?;
    Ok(())
}
