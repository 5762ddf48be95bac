//! Invitations of new members: created, listed, revoked and accepted.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::{Email, Page, PageRequest, Role, UserId};
use shared_web::{
    Body, ClientIp, Id, IdempotencyHeader, Keyed, Paging, Permit, Problem, Query, permit,
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::idempotency::Execution;
use crate::app::team::member_invitations::{
    self, Acceptance, MemberInvitationRow, NewMemberInvitation,
};
use crate::domain::credentials::NewPassword;
use crate::domain::device::Device;
use crate::domain::full_name::FullName;
use crate::error::Error;
use crate::routes::openapi_responses::{
    BodyErrors, IdempotencyErrors, LimitErrors, TokenErrors, UnavailableErrors,
};
use crate::routes::response::{NoStore, page_of};
use crate::routes::sign_in::session_response::SignedIn;
use crate::state::AppState;

/// The person to invite, and the role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteRequest {
    email: Email,
    /// Only an owner can invite owners.
    role: Role,
}

/// An invitation, without its token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Invite {
    id: Uuid,
    email: String,
    role: Role,
    invited_by: UserId,
    created_at: Timestamp,
    expires_at: Timestamp,
    accepted_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

/// A new invitation; `token` is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeInvite {
    /// Also sent to the address by email. It is valid once and for seven days.
    token: String,
    invite: Invite,
}

/// The token of an invitation, and the person who accepts it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteAcceptance {
    /// The token in the email.
    token: String,
    password: NewPassword,
    full_name: FullName,
}

impl From<MemberInvitationRow> for Invite {
    fn from(row: MemberInvitationRow) -> Self {
        let MemberInvitationRow {
            id,
            email,
            role,
            invited_by,
            created_at,
            expires_at,
            accepted_at,
            revoked_at,
        } = row;
        Self {
            id,
            email,
            role,
            invited_by,
            created_at,
            expires_at,
            accepted_at,
            revoked_at,
        }
    }
}

impl From<NewMemberInvitation> for MadeInvite {
    fn from(new: NewMemberInvitation) -> Self {
        Self {
            token: new.token,
            invite: new.row.into(),
        }
    }
}

/// Invite a person into the account.
///
/// Replaces a pending invitation for the same address. An invitation is revoked when its creator is
/// removed or loses the permission.
#[utoipa::path(post, path = "/invites", tag = "members", request_body = InviteRequest,
    params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        TokenErrors,
        (status = 201, description = "The invitation, and its token", body = MadeInvite),
        (status = 403, description = "quota_exceeded: members and pending invitations take up \
            the quota of members; users_only or tenant_suspended",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "email_taken, too_many_invites or request_in_progress",
            body = Problem, content_type = "application/problem+json"),
        BodyErrors, IdempotencyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn create_invite(
    State(app): State<AppState>,
    caller: Permit<permit::InvitesManage>,
    ip: ClientIp,
    Keyed(request, InviteRequest { email, role }): Keyed<InviteRequest>,
) -> Result<Execution<MadeInvite>, Error> {
    member_invitations::create(&app, &caller, ip, &email, role, request, Into::into).await
}

/// List invitations, newest first; accepted and revoked ones stay in the list.
#[utoipa::path(get, path = "/invites", tag = "members", params(PageRequest),
    security(("bearer" = [])),
    responses(
        (status = 200, description = "A page of invitations", body = Page<Invite>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn list_invites(
    State(app): State<AppState>,
    caller: Permit<permit::InvitesManage>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<Invite>>, Error> {
    let rows = member_invitations::list(&app, &caller, &paging, &page).await?;
    Ok(page_of(rows))
}

/// Revoke an invitation. Revoking it again is not an error.
#[utoipa::path(delete, path = "/invites/{id}", tag = "members",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "The invitation is revoked"),
        (status = 400, description = "malformed_id", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "unknown_invite: there is none, or it was accepted",
            body = Problem, content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn revoke_invite(
    State(app): State<AppState>,
    caller: Permit<permit::InvitesManage>,
    ip: ClientIp,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, Error> {
    member_invitations::revoke(&app, &caller, ip, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accept an invitation.
///
/// Sets password and name, and signs in. An invitation is used once; unknown, used, revoked and
/// expired ones get the same response.
#[utoipa::path(post, path = "/invites/accept", tag = "sign-in",
    request_body = InviteAcceptance,
    responses(
        (status = 201, description = "The account, the user, and a first session",
            body = SignedIn),
        (status = 401, description = "invalid_invitation", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "tenant_suspended; or quota_exceeded: the quota of members \
            was lowered since", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "email_taken: the address has an account by now",
            body = Problem, content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn accept_invite(
    State(app): State<AppState>,
    device: Device,
    Body(acceptance): Body<InviteAcceptance>,
) -> Result<NoStore<SignedIn>, Error> {
    let InviteAcceptance {
        token,
        password,
        full_name,
    } = acceptance;
    let acceptance = Acceptance {
        token,
        password,
        full_name,
    };
    let signed_in = member_invitations::accept(&app, acceptance, &device).await?;
    Ok(NoStore(StatusCode::CREATED, signed_in.into()))
}
