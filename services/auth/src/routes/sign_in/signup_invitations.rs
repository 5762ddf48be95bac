//! Invitations to register, where not everybody may: made, listed, taken back.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::{Email, Page, PageRequest, UserId};
use shared_web::{Caller, ClientIp, Id, IdempotencyHeader, Keyed, Paging, Problem, Query};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::Confidential;
use super::keys::administers;
use super::refusals::{BodyRefused, RepeatRefused, TokenRefused, Unavailable};
use super::repeat;
use crate::audit::{self, Action, Event};
use crate::domain::email_token::EmailToken;
use crate::error::{Denied, Error, InviteRefused};
use crate::mail::letters;
use crate::state::AppState;
use crate::store::directory;
use crate::store::registration_invitations::{self, RegistrationInvitationRow};

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrationInvitee {
    email: Email,
}

/// An invitation to register, without what would open anything.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegistrationInvitation {
    id: Uuid,
    /// Null once it was used: the account has the address.
    email: Option<String>,
    invited_by: UserId,
    created_at: Timestamp,
    expires_at: Timestamp,
    accepted_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

/// A new invitation to register; `token` is shown this once, and stands in the letter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeRegistrationInvitation {
    /// The `invitation` of a registration with this address.
    token: String,
    invitation: RegistrationInvitation,
}

impl From<RegistrationInvitationRow> for RegistrationInvitation {
    fn from(row: RegistrationInvitationRow) -> Self {
        let RegistrationInvitationRow {
            id,
            email,
            invited_by,
            created_at,
            expires_at,
            accepted_at,
            revoked_at,
        } = row;
        Self {
            id,
            email,
            invited_by,
            created_at,
            expires_at,
            accepted_at,
            revoked_at,
        }
    }
}

/// Invite somebody to register an account of their own.
///
/// The address gets a letter. The invitation is good for one account, for seven days, and replaces
/// what still waits for the address; where registration is open nobody needs one.
#[utoipa::path(post, path = "/registration-invitations", tag = "platform",
    request_body = RegistrationInvitee, params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        (status = 201, description = "The invitation, and its token",
            body = MadeRegistrationInvitation),
        (status = 403, description = "platform_admins_only", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "email_taken or request_in_progress", body = Problem,
            content_type = "application/problem+json"),
        BodyRefused, RepeatRefused, TokenRefused, Unavailable))]
pub(crate) async fn invite_to_register(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Keyed(request, RegistrationInvitee { email }): Keyed<RegistrationInvitee>,
) -> Result<Response, Error> {
    let user = administers(&app, &caller).await?;
    let request = request.by(user);
    let login = directory::find_login(&app.db, &email).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(given) = repeat::replay_sealed(&app, &mut tx, &request).await? {
        return Ok(given);
    }
    if login.is_some() {
        return Err(Error::EmailTaken);
    }
    let token = EmailToken::random()?;
    let row = registration_invitations::insert(&mut tx, user, &email, &token.hash()).await?;
    let row = row.ok_or(Denied::NotPlatformAdmin)?;
    let letter = letters::registration(&app.post, &email, token.as_str());
    app.post.put(&mut tx, &letter).await?;
    let invited = Event::new((&caller.principal).into(), Action::RegistrationInvited, ip);
    audit::append(&mut tx, invited.on(row.id)).await?;
    let (token, invitation) = (token.as_str().to_owned(), row.into());
    let answer = MadeRegistrationInvitation { token, invitation };
    let status = StatusCode::CREATED;
    repeat::keep_sealed(&app, &mut tx, &request, status, &answer).await?;
    tx.commit().await?;
    app.post.wake();
    Ok(Confidential(status, answer).into_response())
}

/// List invitations to register, newest first.
///
/// Accepted and revoked ones stay in the list until a month after their end.
#[utoipa::path(get, path = "/registration-invitations", tag = "platform", params(PageRequest),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Page<RegistrationInvitation>),
        (status = 403, description = "platform_admins_only", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn list_registration_invitations(
    State(app): State<AppState>,
    caller: Caller,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<RegistrationInvitation>>, Error> {
    let user = administers(&app, &caller).await?;
    let window = paging.window(&page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let (after, limit) = (window.after, window.limit + 1);
    let rows = registration_invitations::list(&mut tx, user, after, limit).await?;
    let rows = rows.into_iter().map(RegistrationInvitation::from).collect();
    let id = |invitation: &RegistrationInvitation| invitation.id;
    Ok(Json(paging.page(rows, window, id)))
}

/// Take an invitation to register back. Doing so again is no error.
#[utoipa::path(delete, path = "/registration-invitations/{id}", tag = "platform",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "It lets nobody register any more"),
        (status = 400, description = "malformed_id", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "platform_admins_only", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "unknown_invite: there is none, or it was used",
            body = Problem, content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn revoke_registration_invitation(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, Error> {
    let user = administers(&app, &caller).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !registration_invitations::revoke(&mut tx, user, id).await? {
        return Err(InviteRefused::Unknown.into());
    }
    let action = Action::RegistrationInvitationRevoked;
    let revoked = Event::new((&caller.principal).into(), action, ip).on(id);
    audit::append(&mut tx, revoked).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
