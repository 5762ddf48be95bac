//! Invitations to register: created, listed and revoked by platform administrators.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::{Email, Page, PageRequest, UserId};
use shared_web::{Caller, ClientIp, Id, IdempotencyHeader, Keyed, Paging, Problem, Query};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::idempotency::Execution;
use crate::app::sign_in::signup_invitations::{self, NewSignupInvitation, SignupInvitationRow};
use crate::error::Error;
use crate::routes::openapi_responses::{
    BodyErrors, IdempotencyErrors, TokenErrors, UnavailableErrors,
};
use crate::routes::response::page_of;
use crate::state::AppState;

/// The person to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrationInvitee {
    email: Email,
}

/// An invitation to register, without its token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegistrationInvitation {
    id: Uuid,
    /// Null once the invitation was used: the account has the address.
    email: Option<String>,
    invited_by: UserId,
    created_at: Timestamp,
    expires_at: Timestamp,
    accepted_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

/// A new invitation to register; `token` is shown once, and is in the email.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeRegistrationInvitation {
    /// The `invitation` of a registration with this address.
    token: String,
    invitation: RegistrationInvitation,
}

impl From<SignupInvitationRow> for RegistrationInvitation {
    fn from(row: SignupInvitationRow) -> Self {
        let SignupInvitationRow {
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

impl From<NewSignupInvitation> for MadeRegistrationInvitation {
    fn from(new: NewSignupInvitation) -> Self {
        Self {
            token: new.token,
            invitation: new.row.into(),
        }
    }
}

/// Invite a person to register an account.
///
/// Sends an email to the address. The invitation is valid for one account and seven days, and
/// replaces a pending one of the same address. Where registration is open, no invitation is needed.
#[utoipa::path(post, path = "/registration-invitations", tag = "platform",
    request_body = RegistrationInvitee, params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 201, description = "The invitation, and its token",
            body = MadeRegistrationInvitation),
        (status = 403, description = "platform_admins_only, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "email_taken or request_in_progress", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, IdempotencyErrors, UnavailableErrors))]
pub(crate) async fn invite_to_register(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Keyed(request, RegistrationInvitee { email }): Keyed<RegistrationInvitee>,
) -> Result<Execution<MadeRegistrationInvitation>, Error> {
    signup_invitations::create(&app, &caller, ip, &email, request, Into::into).await
}

/// List invitations to register, newest first.
///
/// Accepted and revoked ones stay in the list until a month after their end.
#[utoipa::path(get, path = "/registration-invitations", tag = "platform", params(PageRequest),
    security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 200, description = "A page of invitations",
            body = Page<RegistrationInvitation>),
        (status = 403, description = "platform_admins_only, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        UnavailableErrors))]
pub(crate) async fn list_registration_invitations(
    State(app): State<AppState>,
    caller: Caller,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<RegistrationInvitation>>, Error> {
    let rows = signup_invitations::list(&app, &caller, &paging, &page).await?;
    Ok(page_of(rows))
}

/// Revoke an invitation to register. Revoking it again is not an error.
#[utoipa::path(delete, path = "/registration-invitations/{id}", tag = "platform",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 204, description = "The invitation is revoked"),
        (status = 400, description = "malformed_id", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "platform_admins_only, users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "unknown_invite: there is none, or it was used",
            body = Problem, content_type = "application/problem+json"),
        UnavailableErrors))]
pub(crate) async fn revoke_registration_invitation(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, Error> {
    signup_invitations::revoke(&app, &caller, ip, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
