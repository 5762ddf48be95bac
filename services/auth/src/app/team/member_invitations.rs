//! Invitations of new members.

use axum::http::StatusCode;
use serde::Serialize;
use shared_db::{TenantTx, on_constraint};
use shared_models::{Email, Page, PageRequest, Permission, Quota, Role, UserId};
use shared_quota::{ChargeError, LockedQuota};
use shared_web::{Caller, ClientIp, Idempotent, Paging};
use uuid::Uuid;

use crate::app::account::email_verification;
use crate::app::idempotency::{self, Execution};
use crate::app::security::password;
use crate::app::sign_in::session::{self, SignedInUser};
use crate::app::team::members;
use crate::app::{audit, limits};
use crate::domain::audit::{Action, Actor};
use crate::domain::credentials::NewPassword;
use crate::domain::device::Device;
use crate::domain::email;
use crate::domain::email_token::EmailToken;
use crate::domain::full_name::FullName;
use crate::error::{Error, InvitationRefused};
use crate::state::AppState;
use crate::store::member_invitations::{self, InvitationRef};
use crate::store::{creators, login_lookup, me, tenants, users};

pub(crate) use crate::store::member_invitations::MemberInvitationRow;

/// A new invitation with its secret token.
#[derive(Debug)]
pub(crate) struct NewMemberInvitation {
    pub(crate) token: String,
    pub(crate) row: MemberInvitationRow,
}

/// Invites an email address into the account.
pub(crate) async fn create<B: Serialize + Sync>(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    email: &Email,
    role: Role,
    request: Idempotent,
    to_body: impl FnOnce(NewMemberInvitation) -> B + Send,
) -> Result<Execution<B>, Error> {
    let (user, _, _) = caller.user()?;
    let request = request.by(user);
    if role == Role::Owner && !caller.has(Permission::AccountManage) {
        return Err(InvitationRefused::AboveCaller.into());
    }
    let login = login_lookup::find_login(&app.db, email).await?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(replayed) = idempotency::replay_encrypted(app, &mut tx, &request).await? {
        return Ok(Execution::Replayed(replayed));
    }
    // Within the transaction, which lets one of equal requests through: repetitions do not count.
    let account = caller.tenant.to_string();
    limits::enforce(&app.cache, limits::INVITE_BY_ACCOUNT, &account).await?;
    let recipient = limits::by_account(email.as_str());
    limits::enforce(&app.cache, limits::INVITE_BY_RECIPIENT, &recipient).await?;
    let token = EmailToken::random()?;
    // Before the insertion: invitations of other requests wait here.
    let members = app.quotas.lock(&mut tx, Quota::Members).await?;
    let inserted = member_invitations::insert(&mut tx, email, role, user, &token.hash()).await?;
    // First: an account with as many invitations as it may have learns nothing about addresses.
    let row = inserted.ok_or(InvitationRefused::TooMany)?;
    check_places(&mut tx, members).await?;
    if login.is_some() {
        return Err(Error::EmailTaken);
    }
    let audit_event = audit::event(&caller.principal, Action::InviteCreated, ip).on(row.id);
    audit::append(&mut tx, audit_event).await?;
    let account = creators::read(&mut tx).await?.display_name;
    let links = &app.mailer.links;
    let message = email::member_invitation(links, email, &account, token.as_str());
    app.mailer.enqueue(&mut tx, &message).await?;
    let body = to_body(NewMemberInvitation {
        token: token.as_str().to_owned(),
        row,
    });
    let status = StatusCode::CREATED;
    let created = idempotency::store_encrypted(app, &mut tx, &request, status, body).await?;
    tx.commit().await?;
    Ok(created)
}

/// Each pending invitation holds a place in the quota of members, so that its recipient gets
/// in. The new one is among them already; a refusal takes it back with the transaction.
async fn check_places(tx: &mut TenantTx, members: LockedQuota) -> Result<(), Error> {
    let pending = member_invitations::count_pending(tx).await?;
    let earlier = pending.saturating_sub(1).unsigned_abs();
    members
        .with_reserved(earlier)
        .check(1)
        .map_err(ChargeError::from)?;
    Ok(())
}

/// Lists invitations, newest first.
pub(crate) async fn list(
    app: &AppState,
    caller: &Caller,
    paging: &Paging,
    page: &PageRequest,
) -> Result<Page<MemberInvitationRow>, Error> {
    let window = paging.window(page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = member_invitations::list(&mut tx, window.after, window.limit + 1).await?;
    Ok(paging.page(rows, window, |row| row.id))
}

/// Revokes an invitation that was not accepted.
pub(crate) async fn revoke(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    id: Uuid,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !member_invitations::revoke(&mut tx, id).await? {
        return Err(InvitationRefused::Unknown.into());
    }
    let audit_event = audit::event(&caller.principal, Action::InviteRevoked, ip).on(id);
    audit::append(&mut tx, audit_event).await?;
    tx.commit().await?;
    Ok(())
}

/// A person who accepts an invitation.
#[derive(Debug)]
pub(crate) struct Acceptance {
    pub(crate) token: String,
    pub(crate) password: NewPassword,
    pub(crate) full_name: FullName,
}

/// Accepts an invitation: creates the member and opens a session.
pub(crate) async fn accept(
    app: &AppState,
    acceptance: Acceptance,
    device: &Device,
) -> Result<SignedInUser, Error> {
    limits::enforce(&app.cache, limits::INVITATION, &limits::by_ip(device.ip)).await?;
    let Acceptance {
        token,
        password,
        full_name,
    } = acceptance;
    let hash = EmailToken::received(token).hash();
    let found = member_invitations::find(&app.db, &hash).await?;
    let invitation = found.ok_or(Error::InvalidInvitation)?;
    let mut reading = app.db.tenant_read(invitation.creator).await?;
    let pending = member_invitations::find_acceptable(&mut reading, invitation.invitation).await?;
    drop(reading);
    let email = pending.ok_or(Error::InvalidInvitation)?.email;
    password::enforce_policy(app, &password, &[&email, full_name.as_str()]).await?;
    let password_hash = app
        .password_hasher
        .hash(device.ip, password.into_secret())
        .await?;
    create_member(app, invitation, &full_name, &password_hash, device).await
}

/// Creates everything in one transaction.
async fn create_member(
    app: &AppState,
    invitation: InvitationRef,
    name: &FullName,
    password_hash: &str,
    device: &Device,
) -> Result<SignedInUser, Error> {
    let id = invitation.invitation;
    let mut tx = app.db.tenant(invitation.creator).await?;
    if tenants::is_suspended(&mut tx).await? {
        return Err(Error::TenantSuspended);
    }
    let pending = member_invitations::find_acceptable(&mut tx, id).await?;
    let row = pending.ok_or(Error::InvalidInvitation)?;
    // The invitation has held a place, unless the quota was lowered since. Charged before its row
    // is locked, in the order of `create`.
    let announce = |reached| app.events.publication(reached);
    let charged = app.quotas.charge(&mut tx, Quota::Members, 1, announce);
    charged.await?;
    if !member_invitations::accept(&mut tx, id).await? {
        return Err(Error::InvalidInvitation);
    }
    let email = Email::parse(&row.email).map_err(|_| Error::Inconsistent)?;
    let user = UserId::new();
    let inserted = users::insert(&mut tx, user, &email, name, password_hash).await;
    inserted.map_err(on_constraint(
        "users_creator_id_email_key",
        Error::EmailTaken,
    ))?;
    if !login_lookup::claim_login(&mut tx, &email, user).await? {
        return Err(Error::EmailTaken);
    }
    members::add(app, &mut tx, user, row.role).await?;
    let me = me::find(&mut tx, user).await?.ok_or(Error::Inconsistent)?;
    email_verification::send(app, &mut tx, &me.user).await?;
    let actor = Actor::User(user.as_uuid());
    let audit_event = audit::event(actor, Action::MemberJoined, device.ip).on(id);
    let signed_in = session::open(app, &mut tx, me, device, audit_event).await?;
    tx.commit().await?;
    Ok(signed_in)
}
