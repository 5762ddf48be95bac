//! Members of the account.

use shared_auth::Subject;
use shared_db::TenantTx;
use shared_models::event::{MemberJoined, MemberRemoved, MemberRoleChanged};
use shared_models::{Page, PageRequest, Permission, Role, UserId};
use shared_web::{ApiError, Caller, ClientIp, Paging};

use crate::app::audit;
use crate::domain::audit::Action;
use crate::error::Error;
use crate::state::AppState;
use crate::store::memberships::{self, MemberChange};

pub(crate) use crate::store::users::UserRow;

/// Lists members, newest first.
pub(crate) async fn list(
    app: &AppState,
    caller: &Caller,
    paging: &Paging,
    page: &PageRequest,
) -> Result<Page<UserRow>, Error> {
    let window = paging.window(page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = memberships::list(&mut tx, window.after, window.limit + 1).await?;
    Ok(paging.page(rows, window, |row| row.id.as_uuid()))
}

/// Makes a user a member, in the transaction that creates the user. An invited one is charged
/// before; the first owner of an account is not, since an account needs one.
pub(crate) async fn add(
    app: &AppState,
    tx: &mut TenantTx,
    user: UserId,
    role: Role,
) -> sqlx::Result<()> {
    memberships::insert(tx, user, role).await?;
    app.events.publish(tx, MemberJoined { user, role }).await
}

/// Changes the role of a member and revokes the access tokens with the former role.
pub(crate) async fn change_role(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    member: UserId,
    role: Role,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    let below_owner = !caller.has(Permission::AccountManage);
    check(memberships::change_role(&mut tx, member, role, below_owner).await?)?;
    let audit_event = audit::event(&caller.principal, Action::RoleChanged, ip).on(member);
    audit::append(&mut tx, audit_event).await?;
    let changed = MemberRoleChanged { user: member, role };
    app.events.publish(&mut tx, changed).await?;
    let revoked = app.revocations.revoke([Subject::User(member)]);
    tx.apply(revoked).await?;
    Ok(tx.commit().await?)
}

/// Removes a member and revokes the member's access tokens.
pub(crate) async fn remove(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    member: UserId,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    let below_owner = !caller.has(Permission::AccountManage);
    check(memberships::remove(&mut tx, member, below_owner).await?)?;
    let audit_event = audit::event(&caller.principal, Action::MemberRemoved, ip).on(member);
    audit::append(&mut tx, audit_event).await?;
    app.events
        .publish(&mut tx, MemberRemoved { user: member })
        .await?;
    let revoked = app.revocations.revoke([Subject::User(member)]);
    tx.apply(revoked).await?;
    Ok(tx.commit().await?)
}

fn check(change: MemberChange) -> Result<(), ApiError> {
    match change {
        MemberChange::Done => Ok(()),
        MemberChange::Unknown => {
            Err(ApiError::not_found("unknown_member").detail("this account has no such member"))
        }
        MemberChange::LastOwner => Err(ApiError::conflict("last_owner")
            .detail("an account needs an owner; make another member an owner first")),
        MemberChange::AboveCaller => Err(ApiError::forbidden("permission_missing")
            .detail("only an owner can add, change or remove owners")),
    }
}
