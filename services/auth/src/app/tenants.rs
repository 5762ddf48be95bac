//! Makes an account as its resource wants it, from whatever it was.

use axum::http::StatusCode;
use shared_auth::Subject;
use shared_config::Secret;
use shared_db::TenantTx;
use shared_models::{CreatorId, Role, UserId};
use uuid::Uuid;

use super::tenants::find;
use super::wire::{Invitation, Observed, Tenant, TenantWish};
use crate::audit::{self, Action, Event};
use crate::domain::invitation;
use crate::error::Error;
use crate::state::AppState;
use crate::store::owner_invitations::{self, InvitationRow};
use crate::store::tenants::{self, TenantRow, Wanted};
use crate::store::{directory, memberships, usage, users};

/// Makes or changes an account, and says what came of it.
pub(super) async fn provision(
    app: &AppState,
    uid: Uuid,
    wish: &TenantWish,
) -> Result<(StatusCode, Tenant), Error> {
    let (status, creator) = match find(app, uid).await? {
        Some(creator) => (StatusCode::OK, creator),
        None => match create(app, uid, wish).await? {
            Some(creator) => (StatusCode::CREATED, creator),
            // Somebody was faster: now there is one to change.
            None => (
                StatusCode::OK,
                find(app, uid).await?.ok_or(Error::Inconsistent)?,
            ),
        },
    };
    let mut tx = app.db.tenant(creator).await?;
    let before = tenants::read(&mut tx).await?;
    tenants::settle(&mut tx, &wanted(wish)).await?;
    let invited = if wish.invite {
        open_invitation(app, &mut tx).await?
    } else {
        None
    };
    let mut tenant = describe(&mut tx, uid).await?.ok_or(Error::Inconsistent)?;
    if let Some(action) = before.and_then(|before| change(&before, &tenant.observed)) {
        audit::append(&mut tx, Event::of_the_platform(action)).await?;
    }
    tenant.invitation = invited;
    tx.commit().await?;
    // After the commit, and each time: an answer that was lost is asked for again.
    enforce(app, creator, wish.suspended).await?;
    Ok((status, tenant))
}

/// What the log says of a change; the most telling of several, and nothing where all was so.
fn change(before: &TenantRow, after: &Observed) -> Option<Action> {
    if before.suspended != after.suspended {
        return Some(if after.suspended {
            Action::Suspended
        } else {
            Action::Resumed
        });
    }
    let same = before.display_name == after.display_name
        && before.plan == after.plan
        && before.quotas == after.quotas
        && before.allowed_origins == after.allowed_origins;
    (!same).then_some(Action::Adjusted)
}

/// The account as it is.
pub(super) async fn describe(tx: &mut TenantTx, uid: Uuid) -> Result<Option<Tenant>, Error> {
    let Some(row) = tenants::read(tx).await? else {
        return Ok(None);
    };
    let TenantRow {
        display_name,
        plan,
        quotas,
        allowed_origins,
        suspended,
        resource,
        created_at,
    } = row;
    let invitation = owner_invitations::latest(tx).await?;
    Ok(Some(Tenant {
        uid,
        creator_id: tx.creator(),
        provisioned_at: created_at,
        observed: Observed {
            display_name,
            plan,
            quotas,
            allowed_origins,
            suspended,
            resource,
        },
        owner_accepted: invitation.is_some_and(|invitation| invitation.accepted),
        invitation: None,
        usage: usage::of(tx).await?,
    }))
}

fn wanted(wish: &TenantWish) -> Wanted<'_> {
    Wanted {
        display_name: wish.display_name.as_str(),
        plan: wish.plan.as_str(),
        quotas: wish.quotas,
        allowed_origins: &wish.allowed_origins.0,
        suspended: wish.suspended,
        resource: wish.resource.as_str(),
    }
}

/// Makes the account whole or not at all; none when the resource has one already.
async fn create(app: &AppState, uid: Uuid, wish: &TenantWish) -> Result<Option<CreatorId>, Error> {
    let hash = nobodys_password(app).await?;
    let (creator, user) = (CreatorId::new(), UserId::new());
    let mut tx = app.db.tenant(creator).await?;
    if !tenants::insert(&mut tx, uid, &wanted(wish)).await? {
        return Ok(None);
    }
    let owner = &wish.owner;
    users::insert(&mut tx, user, &owner.email, &owner.full_name, &hash).await?;
    if !directory::claim_login(&mut tx, &owner.email, user).await? {
        return Err(Error::EmailTaken);
    }
    memberships::insert(&mut tx, user, Role::Owner).await?;
    audit::append(&mut tx, Event::of_the_platform(Action::Provisioned)).await?;
    invite(app, &mut tx, user).await?;
    tx.commit().await?;
    metrics::counter!("auth_tenants_provisioned_total").increment(1);
    Ok(Some(creator))
}

/// The hash of a password that nobody has ever seen: until an owner sets one, signing in fails
/// after the same work as for anybody else. One for all, since a hash of its own for each of a
/// thousand tenants would be minutes of work for nothing.
async fn nobodys_password(app: &AppState) -> Result<String, Error> {
    let make = || async {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        let text = bytes
            .iter()
            .map(|byte| char::from(b'a' + byte % 26))
            .collect();
        Ok::<_, Error>(app.hashing.hash(Secret::new(text)).await?)
    };
    app.tenants
        .nobodys_hash
        .get_or_try_init(make)
        .await
        .cloned()
}

async fn invite(app: &AppState, tx: &mut TenantTx, user: UserId) -> Result<InvitationRow, Error> {
    let id = Uuid::now_v7();
    let hash = invitation::hash(&app.tenants.invitations.token_of(id));
    Ok(owner_invitations::insert(tx, id, user, &hash).await?)
}

/// The invitation of an owner who has not come in, made anew where it has expired, or where its
/// token was derived from a seed that is gone.
async fn open_invitation(app: &AppState, tx: &mut TenantTx) -> Result<Option<Invitation>, Error> {
    let Some(mut row) = owner_invitations::latest(tx).await? else {
        return Ok(None);
    };
    if row.accepted {
        return Ok(None);
    }
    let hash = invitation::hash(&app.tenants.invitations.token_of(row.id));
    if !row.open || row.token_hash != hash {
        row = invite(app, tx, row.user).await?;
    }
    Ok(Some(Invitation {
        token: app.tenants.invitations.token_of(row.id),
        expires_at: row.expires_at,
    }))
}

/// Shuts the account's open doors in every service, or opens them.
async fn enforce(app: &AppState, creator: CreatorId, suspended: bool) -> Result<(), Error> {
    let subject = Subject::Tenant(creator);
    let Some(revocations) = app.verifier.revocations() else {
        return Err(Error::Inconsistent);
    };
    let told = if suspended {
        revocations.revoke(subject, app.signer.life()).await
    } else {
        revocations.lift(subject).await
    };
    told.map_err(|cause| Error::Revocation(Box::new(cause)))
}
