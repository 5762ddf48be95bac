//! Accounts that Tenant resources describe, managed by the operator.

use axum::http::StatusCode;
use jiff::Timestamp;
use shared_auth::Subject;
use shared_cache::{Key, RowCache};
use shared_config::Secret;
use shared_db::TenantTx;
use shared_models::{CreatorId, Quota, Role, UserId};
use shared_web::ApiError;
use uuid::Uuid;

use super::audit;
use super::privacy::{self, Erasure};
use super::security::password_hasher::Requester;
use super::team::members;
use crate::domain::audit::Action;
use crate::domain::owner_invitation;
use crate::domain::tenant::{DesiredTenant, TenantUsage};
use crate::error::Error;
use crate::state::AppState;
use crate::store::owner_invitations::{self, OwnerInvitationRow};
use crate::store::{login_lookup, tenants, users};

pub(crate) use crate::store::tenants::TenantRow;

/// An account as the operator sees it.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) uid: Uuid,
    pub(crate) creator: CreatorId,
    pub(crate) settings: TenantRow,
    /// Whether the owner has set a password.
    pub(crate) owner_accepted: bool,
    /// The open invitation of the owner, if it was requested.
    pub(crate) invitation: Option<OpenInvitation>,
    pub(crate) usage: TenantUsage,
}

/// An invitation that the owner can accept.
#[derive(Debug)]
pub(crate) struct OpenInvitation {
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

/// Creates the account of a resource, or updates it to what the resource describes. Idempotent: an
/// interrupted request is completed by repeating it.
pub(crate) async fn provision(
    app: &AppState,
    uid: Uuid,
    desired: &DesiredTenant,
) -> Result<(StatusCode, Tenant), Error> {
    let (status, creator) = find_or_create(app, uid, desired).await?;
    let mut tx = app.db.tenant(creator).await?;
    // A concurrent request would otherwise decide by the state before this change.
    tenants::lock(&mut tx).await?;
    let before = tenants::read(&mut tx).await?;
    tenants::save(&mut tx, desired).await?;
    let invitation = if desired.invite {
        open_invitation(app, &mut tx).await?
    } else {
        None
    };
    let mut tenant = describe(&mut tx, uid).await?.ok_or(Error::Inconsistent)?;
    let was_suspended = before.as_ref().is_some_and(|before| before.suspended);
    if let Some(action) = before.and_then(|before| change(&before, &tenant.settings)) {
        audit::append(&mut tx, audit::service_event(action)).await?;
    }
    tenant.invitation = invitation;
    if was_suspended != desired.suspended {
        let subject = Subject::Tenant(creator);
        tx.apply(if desired.suspended {
            app.revocations.revoke([subject])
        } else {
            app.revocations.lift(subject)
        })
        .await?;
    }
    forget_settings(app, &mut tx);
    tx.commit().await?;
    Ok((status, tenant))
}

/// Ends the copy that channel has of this account's settings when their change is committed.
pub(crate) fn forget_settings(app: &AppState, tx: &mut TenantTx) {
    let key = Key::account_settings(tx.creator());
    let copies = RowCache::account_settings(app.cache.clone());
    tx.after_commit_await(move || copies.invalidate(key));
}

async fn find_or_create(
    app: &AppState,
    uid: Uuid,
    desired: &DesiredTenant,
) -> Result<(StatusCode, CreatorId), Error> {
    if let Some(creator) = find(app, uid).await? {
        return Ok((StatusCode::OK, creator));
    }
    if let Some(creator) = create(app, uid, desired).await? {
        return Ok((StatusCode::CREATED, creator));
    }
    // A concurrent request has created the account in the meantime.
    let creator = find(app, uid).await?.ok_or(Error::Inconsistent)?;
    Ok((StatusCode::OK, creator))
}

/// The most important change, for the audit log; none when nothing has changed.
fn change(before: &TenantRow, after: &TenantRow) -> Option<Action> {
    if before.suspended != after.suspended {
        return Some(if after.suspended {
            Action::Suspended
        } else {
            Action::Resumed
        });
    }
    let is_same = before.display_name == after.display_name
        && before.plan == after.plan
        && before.quotas == after.quotas
        && before.allowed_origins == after.allowed_origins;
    (!is_same).then_some(Action::Adjusted)
}

/// Reads the account of a resource.
pub(crate) async fn read(app: &AppState, uid: Uuid) -> Result<Tenant, Error> {
    let creator = find(app, uid).await?.ok_or_else(unknown)?;
    let mut tx = app.db.tenant_read(creator).await?;
    describe(&mut tx, uid).await?.ok_or_else(unknown)
}

/// Reads the accounts of several resources; resources without an account are left out.
pub(crate) async fn list(app: &AppState, uids: &[Uuid]) -> Result<Vec<Tenant>, Error> {
    let mut system = app.db.system().await?;
    let mut found = tenants::find(&mut system, uids).await?;
    drop(system);
    found.sort_unstable_by_key(|(uid, _)| *uid);
    found.dedup_by_key(|(uid, _)| *uid);
    let mut list = Vec::with_capacity(found.len());
    for (uid, creator) in found {
        let mut tx = app.db.tenant_read(creator).await?;
        list.extend(describe(&mut tx, uid).await?);
    }
    Ok(list)
}

/// Starts the erasure of an account, and reports its progress. `confirmed` is the id of the account
/// that the caller means. Idempotent, also after the account is gone.
pub(crate) async fn erase(
    app: &AppState,
    uid: Uuid,
    confirmed: CreatorId,
) -> Result<Erasure, Error> {
    match find(app, uid).await? {
        Some(creator) if creator == confirmed => {
            privacy::erase_tenant(app, creator).await?;
        }
        Some(_) => {
            let refused = ApiError::unprocessable("invalid_query");
            return Err(refused
                .field("confirm", "is the id of another account")
                .into());
        }
        None => {}
    }
    let erasure = privacy::find_erasure(app, confirmed).await?;
    erasure.ok_or_else(unknown)
}

async fn find(app: &AppState, uid: Uuid) -> Result<Option<CreatorId>, Error> {
    let mut system = app.db.system().await?;
    let found = tenants::find(&mut system, &[uid]).await?;
    Ok(found.first().map(|(_, creator)| *creator))
}

async fn describe(tx: &mut TenantTx, uid: Uuid) -> Result<Option<Tenant>, Error> {
    let Some(settings) = tenants::read(tx).await? else {
        return Ok(None);
    };
    let invitation = owner_invitations::latest(tx).await?;
    Ok(Some(Tenant {
        uid,
        creator: tx.creator(),
        settings,
        owner_accepted: invitation.is_some_and(|invitation| invitation.accepted),
        invitation: None,
        usage: usage(tx).await?,
    }))
}

async fn usage(tx: &mut TenantTx) -> sqlx::Result<TenantUsage> {
    let uses = shared_quota::uses(tx).await?;
    Ok(TenantUsage {
        documents: uses.of(Quota::Documents),
        storage_bytes: uses.of(Quota::StorageBytes),
        channels: uses.of(Quota::Channels),
        members: uses.of(Quota::Members),
        messages_this_month: uses.of(Quota::MessagesPerMonth),
    })
}

/// Creates the account and its owner in one transaction; none when the resource has one already.
async fn create(
    app: &AppState,
    uid: Uuid,
    desired: &DesiredTenant,
) -> Result<Option<CreatorId>, Error> {
    let hash = dummy_hash(app).await?;
    let user = UserId::new();
    let mut tx = app.db.tenant(CreatorId::new()).await?;
    if !tenants::insert(&mut tx, uid, desired).await? {
        return Ok(None);
    }
    let owner = &desired.owner;
    users::insert(&mut tx, user, &owner.email, &owner.full_name, &hash).await?;
    if !login_lookup::claim_login(&mut tx, &owner.email, user).await? {
        return Err(Error::EmailTaken);
    }
    members::add(app, &mut tx, user, Role::Owner).await?;
    audit::append(&mut tx, audit::service_event(Action::Provisioned)).await?;
    invite(app, &mut tx, user).await?;
    let creator = tx.creator();
    tx.commit().await?;
    metrics::counter!("auth_tenants_provisioned_total").increment(1);
    Ok(Some(creator))
}

/// The hash of a random password that nobody knows: until an owner sets a password, a sign-in fails
/// after the same work as for everybody else. All tenants share one, because hashing a thousand
/// passwords would take minutes.
async fn dummy_hash(app: &AppState) -> Result<String, Error> {
    let compute = || async {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        let password = bytes
            .iter()
            .map(|byte| char::from(b'a' + byte % 26))
            .collect();
        let hasher = &app.password_hasher;
        let hash = hasher.hash(Requester::Platform, Secret::new(password));
        Ok::<_, Error>(hash.await?)
    };
    app.tenants
        .dummy_hash
        .get_or_try_init(compute)
        .await
        .cloned()
}

async fn invite(
    app: &AppState,
    tx: &mut TenantTx,
    user: UserId,
) -> Result<OwnerInvitationRow, Error> {
    let id = Uuid::now_v7();
    let hash = owner_invitation::hash(&app.tenants.invitation_key.token_of(id));
    Ok(owner_invitations::insert(tx, id, user, &hash).await?)
}

/// The invitation of an owner who has not accepted. It is replaced when it has expired, or when its
/// token was derived from another signing seed.
async fn open_invitation(
    app: &AppState,
    tx: &mut TenantTx,
) -> Result<Option<OpenInvitation>, Error> {
    let Some(mut row) = owner_invitations::latest(tx).await? else {
        return Ok(None);
    };
    if row.accepted {
        return Ok(None);
    }
    let key = &app.tenants.invitation_key;
    let hash = owner_invitation::hash(&key.token_of(row.id));
    if !row.open || row.token_hash != hash {
        row = invite(app, tx, row.user).await?;
    }
    Ok(Some(OpenInvitation {
        token: key.token_of(row.id),
        expires_at: row.expires_at,
    }))
}

fn unknown() -> Error {
    Error::Refused(ApiError::not_found("unknown_tenant").detail("no account has this UID"))
}
