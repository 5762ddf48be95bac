//! Who belongs to an account, and as what.

use shared_db::TenantTx;
use shared_models::{Role, UserId};
use sqlx::Row as _;
use uuid::Uuid;

use super::users::UserRow;

/// Makes a user a member.
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
        "select u.*, m.role
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

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Done,
    /// Nobody of that id belongs to the account.
    Unknown,
    /// The account would have no owner any more.
    LastOwner,
    /// Only an owner may touch owners.
    AboveCaller,
}

/// Gives a member another role; `below_owner` is a caller who may not touch owners.
pub(crate) async fn change_role(
    tx: &mut TenantTx,
    user: UserId,
    role: Role,
    below_owner: bool,
) -> sqlx::Result<Change> {
    let refused = refusal(tx, user, below_owner, role == Role::Owner).await?;
    if let Some(refused) = refused {
        return Ok(refused);
    }
    sqlx::query("update auth.memberships set role = $3 where creator_id = $1 and user_id = $2")
        .bind(tx.creator())
        .bind(user)
        .bind(role.as_str())
        .execute(tx.conn())
        .await?;
    Ok(Change::Done)
}

/// Removes a member and the user; whatever belongs to the user goes, too.
pub(crate) async fn remove(
    tx: &mut TenantTx,
    user: UserId,
    below_owner: bool,
) -> sqlx::Result<Change> {
    if let Some(refused) = refusal(tx, user, below_owner, false).await? {
        return Ok(refused);
    }
    sqlx::query("delete from auth.users where creator_id = $1 and id = $2")
        .bind(tx.creator())
        .bind(user)
        .execute(tx.conn())
        .await?;
    Ok(Change::Done)
}

/// Why a member may not be changed. Holds the account's memberships, so that two owners cannot
/// remove each other at once.
async fn refusal(
    tx: &mut TenantTx,
    user: UserId,
    below_owner: bool,
    becomes_owner: bool,
) -> sqlx::Result<Option<Change>> {
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
        None => Some(Change::Unknown),
        Some(owner) if below_owner && (owner || becomes_owner) => Some(Change::AboveCaller),
        Some(true) if owners == 1 && !becomes_owner => Some(Change::LastOwner),
        Some(_) => None,
    })
}
