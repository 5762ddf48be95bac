//! People asked into an account: invited, listed, taken back, and let in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_db::on_constraint;
use shared_models::{Email, Page, PageRequest, Permission, Role, UserId};
use shared_web::{
    Body, ClientIp, Id, IdempotencyHeader, Keyed, Paging, Permit, Problem, Query, permit,
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::{Confidential, SignedIn, sign_in};
use super::email_verification;
use super::refusals::{BodyRefused, Limited, RepeatRefused, TokenRefused, Unavailable};
use super::repeat;
use crate::audit::{self, Action, Actor, Event};
use crate::domain::email_token::EmailToken;
use crate::domain::full_name::FullName;
use crate::domain::password_text::PasswordText;
use crate::error::{Error, InviteRefused};
use crate::mail::letters;
use crate::state::AppState;
use crate::store::invites::{self, Found, InviteRow};
use crate::store::sessions::Device;
use crate::store::{creators, directory, me, memberships, tenants, users};
use crate::{limits, passwords};

/// Whom to invite, and as what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteRequest {
    email: Email,
    /// Only an owner invites owners.
    role: Role,
}

/// An invite, without what would open anything.
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

/// A new invite; `token` is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeInvite {
    /// A letter with it goes to the address; it lets in whoever has it, once, for seven days.
    token: String,
    invite: Invite,
}

/// The token of an invite, and who accepts it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InviteAcceptance {
    /// As it stands in the letter.
    token: String,
    password: PasswordText,
    full_name: FullName,
}

impl From<InviteRow> for Invite {
    fn from(row: InviteRow) -> Self {
        let InviteRow {
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

/// Invite somebody into the account.
///
/// An invite that still waits for the address is replaced. It falls when whoever made it is
/// removed or may not make it any more.
#[utoipa::path(post, path = "/invites", tag = "members", request_body = InviteRequest,
    params(IdempotencyHeader), security(("bearer" = [])),
    responses(
        (status = 201, description = "The invite, and its token", body = MadeInvite),
        (status = 409, description = "email_taken, too_many_invites or request_in_progress",
            body = Problem, content_type = "application/problem+json"),
        BodyRefused, RepeatRefused, TokenRefused, Unavailable))]
pub(crate) async fn create_invite(
    State(app): State<AppState>,
    caller: Permit<permit::InvitesManage>,
    ip: ClientIp,
    Keyed(request, InviteRequest { email, role }): Keyed<InviteRequest>,
) -> Result<Response, Error> {
    let (user, _, _) = caller.user()?;
    let request = request.by(user);
    if role == Role::Owner && !caller.has(Permission::AccountManage) {
        return Err(InviteRefused::AboveCaller.into());
    }
    let login = directory::find_login(&app.db, &email).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(given) = repeat::replay_sealed(&app, &mut tx, &request).await? {
        return Ok(given);
    }
    if login.is_some() {
        return Err(Error::EmailTaken);
    }
    let token = EmailToken::random()?;
    let row = invites::insert(&mut tx, &email, role, user, &token.hash()).await?;
    let row = row.ok_or(InviteRefused::TooMany)?;
    let made = Event::new((&caller.principal).into(), Action::InviteMade, ip).on(row.id);
    audit::append(&mut tx, made).await?;
    let account = creators::read(&mut tx).await?;
    let letter = letters::invite(&app.post, &email, &account.display_name, token.as_str());
    app.post.put(&mut tx, &letter).await?;
    let (token, invite) = (token.as_str().to_owned(), row.into());
    let (status, answer) = (StatusCode::CREATED, MadeInvite { token, invite });
    repeat::keep_sealed(&app, &mut tx, &request, status, &answer).await?;
    tx.commit().await?;
    app.post.wake();
    Ok(Confidential(status, answer).into_response())
}

/// List invites, newest first; accepted and revoked ones stay in the list.
#[utoipa::path(get, path = "/invites", tag = "members", params(PageRequest),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Page<Invite>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn list_invites(
    State(app): State<AppState>,
    caller: Permit<permit::InvitesManage>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<Invite>>, Error> {
    let window = paging.window(&page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = invites::list(&mut tx, window.after, window.limit + 1).await?;
    let rows = rows.into_iter().map(Invite::from).collect();
    Ok(Json(paging.page(rows, window, |invite: &Invite| invite.id)))
}

/// Take an invite back. Doing so again is no error.
#[utoipa::path(delete, path = "/invites/{id}", tag = "members",
    params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "It lets nobody in any more"),
        (status = 400, description = "malformed_id", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "unknown_invite: there is none, or it was accepted",
            body = Problem, content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn revoke_invite(
    State(app): State<AppState>,
    caller: Permit<permit::InvitesManage>,
    ip: ClientIp,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !invites::revoke(&mut tx, id).await? {
        return Err(InviteRefused::Unknown.into());
    }
    let revoked = Event::new((&caller.principal).into(), Action::InviteRevoked, ip).on(id);
    audit::append(&mut tx, revoked).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accept an invite.
///
/// Sets password and name, and signs in. An invite is used once; unknown, used, revoked and
/// expired ones give one and the same answer.
#[utoipa::path(post, path = "/invites/accept", tag = "sign-in",
    request_body = InviteAcceptance,
    responses(
        (status = 201, description = "The account, the person, and a first session",
            body = SignedIn),
        (status = 401, description = "invalid_invitation", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "tenant_suspended", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "email_taken: the address has an account by now",
            body = Problem, content_type = "application/problem+json"),
        BodyRefused, Limited, Unavailable))]
pub(crate) async fn accept_invite(
    State(app): State<AppState>,
    device: Device,
    Body(wanted): Body<InviteAcceptance>,
) -> Result<Confidential<SignedIn>, Error> {
    limits::take(&app.cache, limits::INVITATION, &limits::address(device.ip)).await?;
    let token = EmailToken::received(wanted.token);
    let found = invites::find(&app.db, &token.hash()).await?;
    let Found { creator, invite } = found.ok_or(Error::InvalidInvitation)?;
    let mut looked = app.db.tenant_read(creator).await?;
    let row = invites::open(&mut looked, invite).await?;
    drop(looked);
    let email = row.ok_or(Error::InvalidInvitation)?.email;
    let personal = [email.as_str(), wanted.full_name.as_str()];
    passwords::accept(&app, &wanted.password, &personal).await?;
    let hash = app.hashing.hash(wanted.password.into_secret()).await?;
    let found = Found { creator, invite };
    let signed_in = admit(&app, found, &wanted.full_name, &hash, &device).await?;
    Ok(Confidential(StatusCode::CREATED, signed_in))
}

/// The member comes into being whole or not at all.
async fn admit(
    app: &AppState,
    found: Found,
    name: &FullName,
    hash: &str,
    device: &Device,
) -> Result<SignedIn, Error> {
    let mut tx = app.db.tenant(found.creator).await?;
    if tenants::is_suspended(&mut tx).await? {
        return Err(Error::TenantSuspended);
    }
    let row = invites::open(&mut tx, found.invite).await?;
    let row = row.ok_or(Error::InvalidInvitation)?;
    if !invites::accept(&mut tx, found.invite).await? {
        return Err(Error::InvalidInvitation);
    }
    let email = Email::parse(&row.email).map_err(|_| Error::Inconsistent)?;
    let user = UserId::new();
    let inserted = users::insert(&mut tx, user, &email, name, hash).await;
    inserted.map_err(on_constraint(
        "users_creator_id_email_key",
        Error::EmailTaken,
    ))?;
    if !directory::claim_login(&mut tx, &email, user).await? {
        return Err(Error::EmailTaken);
    }
    memberships::insert(&mut tx, user, row.role).await?;
    let me = me::find(&mut tx, user).await?.ok_or(Error::Inconsistent)?;
    email_verification::send(app, &mut tx, &me.user).await?;
    let actor = Actor::User(user.as_uuid());
    let entry = Event::new(actor, Action::MemberJoined, device.ip).on(found.invite);
    let signed_in = sign_in(app, &mut tx, me, device, entry).await?;
    tx.commit().await?;
    app.post.wake();
    Ok(signed_in)
}
