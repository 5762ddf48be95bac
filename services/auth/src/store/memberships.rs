//! `auth.memberships`: the members of accounts and their roles.

use shared_db::TenantTx;
use shared_models::{Role, UserId};
use sqlx::Row as _;
use uuid::Uuid;

use super::users::UserRow;

/// Adds a user as member.
pub(crate) async fn insert(tx: &mut TenantTx, user: UserId, role: Role) -> sqlx::Result<()> {
    sqlx::query("insert into auth.memberships (creator_id, user_id, role) values ($1, $2, $3)")
        .bind(tx.creator())
        .bind(user)
        .bind(role.as_str())
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Lists members, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<UserRow>> {
    let rows = sqlx::query(
        "select u.*, m.role, now() as read_at
         from auth.memberships m
         join auth.users u on u.creator_id = m.creator_id and u.id = m.user_id
         where m.creator_id = $1 and ($2::uuid is null or m.user_id < $2)
         order by m.user_id desc limit $3",
    )
    .bind(tx.creator())
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The verified email addresses of the owners.
pub(crate) async fn verified_owners(tx: &mut TenantTx) -> sqlx::Result<Vec<String>> {
    let rows = sqlx::query(
        "select u.email from auth.memberships m
         join auth.users u on u.creator_id = m.creator_id and u.id = m.user_id
         where m.creator_id = $1 and m.role = 'owner' and u.email_verified_at is not null
         order by m.user_id",
    )
    .bind(tx.creator())
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// The outcome of a change of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberChange {
    Done,
    /// The account has no such member.
    Unknown,
    /// The account would be left without an owner.
    LastOwner,
    /// Only owners may change owners.
    AboveCaller,
}

/// Changes the role of a member. `below_owner` is true for a caller who may not change owners.
pub(crate) async fn change_role(
    tx: &mut TenantTx,
    user: UserId,
    role: Role,
    below_owner: bool,
) -> sqlx::Result<MemberChange> {
    if let Some(refusal) = check(tx, user, below_owner, role == Role::Owner).await? {
        return Ok(refusal);
    }
    sqlx::query("update auth.memberships set role = $3 where creator_id = $1 and user_id = $2")
        .bind(tx.creator())
        .bind(user)
        .bind(role.as_str())
        .execute(tx.conn())
        .await?;
    Ok(MemberChange::Done)
}

/// Removes a member, the user, and everything that belongs to the user.
pub(crate) async fn remove(
    tx: &mut TenantTx,
    user: UserId,
    below_owner: bool,
) -> sqlx::Result<MemberChange> {
    if let Some(refusal) = check(tx, user, below_owner, false).await? {
        return Ok(refusal);
    }
    sqlx::query("delete from auth.users where creator_id = $1 and id = $2")
        .bind(tx.creator())
        .bind(user)
        .execute(tx.conn())
        .await?;
    Ok(MemberChange::Done)
}

/// Why a member may not be changed, if so. Locks the owners of the account, so that two owners
/// cannot remove each other at the same time.
async fn check(
    tx: &mut TenantTx,
    user: UserId,
    below_owner: bool,
    becomes_owner: bool,
) -> sqlx::Result<Option<MemberChange>> {
    let rows = sqlx::query(
        "select user_id, role = 'owner' as owns from auth.memberships
         where creator_id = $1 and (role = 'owner' or user_id = $2)
         order by user_id for update",
    )
    .bind(tx.creator())
    .bind(user)
    .fetch_all(tx.conn())
    .await?;
    let (mut owners, mut owns) = (0, None);
    for row in &rows {
        let owner: bool = row.try_get("owns")?;
        owners += i64::from(owner);
        if row.try_get::<UserId, _>("user_id")? == user {
            owns = Some(owner);
        }
    }
    Ok(match owns {
        None => Some(MemberChange::Unknown),
        Some(owner) if below_owner && (owner || becomes_owner) => Some(MemberChange::AboveCaller),
        Some(true) if owners == 1 && !becomes_owner => Some(MemberChange::LastOwner),
        Some(_) => None,
    })
}
