//! Invitations to register, where not everybody may.

use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::Email;
use shared_web::{Body, ClientIp, Creator, Problem};
use utoipa::ToSchema;

use super::answer::Confidential;
use super::keys::administers;
use super::refusals::{BodyRefused, TokenRefused, Unavailable};
use crate::audit::{self, Action, Event};
use crate::error::Error;
use crate::mail::letters;
use crate::state::AppState;
use crate::store::directory;

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrationInvitee {
    email: Email,
}

/// An invitation to register; it is told this once, and stands in the letter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegistrationInvitation {
    email: String,
    /// The `invitation` of a registration with this address.
    token: String,
    expires_at: Timestamp,
}

/// Invite somebody to register an account of their own.
///
/// The address gets a letter. The invitation is good for one account, for seven days; where
/// registration is open nobody needs one.
#[utoipa::path(post, path = "/registration-invitations", tag = "platform",
    request_body = RegistrationInvitee, security(("bearer" = [])),
    responses(
        (status = 201, description = "The invitation", body = RegistrationInvitation),
        (status = 403, description = "platform_admins_only", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "email_taken", body = Problem,
            content_type = "application/problem+json"),
        BodyRefused, TokenRefused, Unavailable))]
pub(crate) async fn invite_to_register(
    State(app): State<AppState>,
    caller: Creator,
    ip: ClientIp,
    Body(RegistrationInvitee { email }): Body<RegistrationInvitee>,
) -> Result<Confidential<RegistrationInvitation>, Error> {
    administers(&app, &caller).await?;
    let mut before = app.db.system().await?;
    let login = directory::find_login(&mut before, &email).await?;
    drop(before);
    if login.is_some() {
        return Err(Error::EmailTaken);
    }
    let expires_at = Timestamp::now() + letters::INVITE_LIFE;
    let token = app.accounts.invitations.token(&email, expires_at);
    let mut tx = app.db.tenant(caller.id).await?;
    let letter = letters::registration(&app.post, &email, &token);
    app.post.put(&mut tx, &letter).await?;
    let invited = Event::new((&caller.caller).into(), Action::RegistrationInvited, ip);
    audit::append(&mut tx, invited).await?;
    tx.commit().await?;
    app.post.wake();
    let invitation = RegistrationInvitation {
        email: email.as_str().to_owned(),
        token,
        expires_at,
    };
    Ok(Confidential(StatusCode::CREATED, invitation))
}
