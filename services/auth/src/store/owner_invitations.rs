//! `auth.owner_invitations`: invitations of the owners that Tenant resources name.

use jiff::Timestamp;
use shared_db::{Db, TenantTx};
use shared_models::{CreatorId, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::owner_invitation::OWNER_INVITATION_TTL_SECONDS;

/// An invitation at the time of the query.
#[derive(Debug, Clone)]
pub(crate) struct OwnerInvitationRow {
    pub(crate) id: Uuid,
    pub(crate) user: UserId,
    pub(crate) token_hash: [u8; 32],
    pub(crate) expires_at: Timestamp,
    pub(crate) accepted: bool,
    /// Neither accepted nor expired.
    pub(crate) open: bool,
}

impl TryFrom<PgRow> for OwnerInvitationRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let hash: Vec<u8> = row.try_get("token_hash")?;
        Ok(Self {
            id: row.try_get("id")?,
            // A CHECK of the table allows no other length.
            token_hash: hash.try_into().unwrap_or_default(),
            user: row.try_get("user_id")?,
            expires_at: row
                .try_get::<jiff_sqlx::Timestamp, _>("expires_at")?
                .to_jiff(),
            accepted: row.try_get("accepted")?,
            open: row.try_get("open")?,
        })
    }
}

/// The account and the invitation of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InvitationRef {
    pub(crate) creator: CreatorId,
    pub(crate) invitation: Uuid,
}

/// Creates an invitation; it replaces one that was not accepted.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    id: Uuid,
    user: UserId,
    token_hash: &[u8; 32],
) -> sqlx::Result<OwnerInvitationRow> {
    sqlx::query(
        "with replaced as (
           delete from auth.owner_invitations
           where creator_id = $1 and user_id = $3 and accepted_at is null)
         insert into auth.owner_invitations (creator_id, id, user_id, token_hash, expires_at)
         values ($1, $2, $3, $4, now() + make_interval(secs => $5))
         returning id, user_id, token_hash, expires_at, false as accepted, true as open",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(user)
    .bind(&token_hash[..])
    .bind(OWNER_INVITATION_TTL_SECONDS)
    .fetch_one(tx.conn())
    .await?
    .try_into()
}

/// The invitation of the account's owner: the accepted one, or the latest.
pub(crate) async fn latest(tx: &mut TenantTx) -> sqlx::Result<Option<OwnerInvitationRow>> {
    let row = sqlx::query(
        "select id, user_id, token_hash, expires_at, accepted_at is not null as accepted,
                accepted_at is null and expires_at > now() as open
         from auth.owner_invitations where creator_id = $1
         order by accepted_at is null, id desc limit 1",
    )
    .bind(tx.creator())
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Finds an invitation by the hash of its token, before the tenant is known.
pub(crate) async fn find(db: &Db, hash: &[u8; 32]) -> sqlx::Result<Option<InvitationRef>> {
    let sql = "select tenant, invitation_id from auth.find_owner_invitation($1)";
    let row = db.look_up(|| sqlx::query(sql).bind(&hash[..])).await?;
    let parse = |row: PgRow| {
        Ok(InvitationRef {
            creator: row.try_get("tenant")?,
            invitation: row.try_get("invitation_id")?,
        })
    };
    row.map(parse).transpose()
}

/// Marks an invitation as accepted and sets the password of its user; none when it is not open any
/// more, or when the user has signed in already.
pub(crate) async fn accept(
    tx: &mut TenantTx,
    id: Uuid,
    password_hash: &str,
) -> sqlx::Result<Option<UserId>> {
    let row = sqlx::query(
        "with accepted as (
           update auth.owner_invitations set accepted_at = now()
           where creator_id = $1 and id = $2 and accepted_at is null and expires_at > now()
             and exists (
               select from auth.users o
               where o.creator_id = $1 and o.id = user_id and o.last_login_at is null)
           returning user_id)
         update auth.users u
         set password_hash = $3, failed_logins = 0, locked_until = null, updated_at = now()
         from accepted where u.creator_id = $1 and u.id = accepted.user_id
         returning u.id",
    )
    .bind(tx.creator())
    .bind(id)
    .bind(password_hash)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| row.try_get(0)).transpose()
}
