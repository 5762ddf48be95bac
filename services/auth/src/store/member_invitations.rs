//! `auth.invites`: invitations of new members.

use jiff::Timestamp;
use shared_db::{Db, TenantTx};
use shared_models::{CreatorId, Email, Role, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::domain::email::INVITATION_TTL;

/// Pending invitations that an account may have.
const MAX_PENDING_INVITATIONS: i64 = 100;

#[derive(Debug, Clone)]
pub(crate) struct MemberInvitationRow {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) role: Role,
    pub(crate) invited_by: UserId,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) accepted_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

impl TryFrom<PgRow> for MemberInvitationRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let role = row.try_get::<&str, _>("role")?.parse();
        let time = |name: &str| -> sqlx::Result<Option<Timestamp>> {
            let time: Option<jiff_sqlx::Timestamp> = row.try_get(name)?;
            Ok(time.map(jiff_sqlx::Timestamp::to_jiff))
        };
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            role: role.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            invited_by: row.try_get("invited_by")?,
            created_at: row
                .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
                .to_jiff(),
            expires_at: row
                .try_get::<jiff_sqlx::Timestamp, _>("expires_at")?
                .to_jiff(),
            accepted_at: time("accepted_at")?,
            revoked_at: time("revoked_at")?,
        })
    }
}

/// The account and the invitation of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InvitationRef {
    pub(crate) creator: CreatorId,
    pub(crate) invitation: Uuid,
}

/// Creates an invitation and revokes a pending one of the same address; none when the account has
/// [`MAX_PENDING_INVITATIONS`] already.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    email: &Email,
    role: Role,
    invited_by: UserId,
    token_hash: &[u8; 32],
) -> sqlx::Result<Option<MemberInvitationRow>> {
    sqlx::query(
        "update auth.invites set revoked_at = now()
         where creator_id = $1 and email = $2 and accepted_at is null and revoked_at is null",
    )
    .bind(tx.creator())
    .bind(email.as_str())
    .execute(tx.conn())
    .await?;
    let row = sqlx::query(
        "insert into auth.invites
           (creator_id, id, email, role, token_hash, invited_by, expires_at)
         select $1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)
         where (select count(*) from auth.invites
                where creator_id = $1 and accepted_at is null and revoked_at is null
                  and expires_at > now()) < $8
         returning *",
    )
    .bind(tx.creator())
    .bind(Uuid::now_v7())
    .bind(email.as_str())
    .bind(role.as_str())
    .bind(&token_hash[..])
    .bind(invited_by)
    .bind(INVITATION_TTL.as_secs_f64())
    .bind(MAX_PENDING_INVITATIONS)
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// The number of invitations that wait to be accepted.
pub(crate) async fn count_pending(tx: &mut TenantTx) -> sqlx::Result<i64> {
    sqlx::query(
        "select count(*) from auth.invites
         where creator_id = $1 and accepted_at is null and revoked_at is null
           and expires_at > now()",
    )
    .bind(tx.creator())
    .fetch_one(tx.conn())
    .await?
    .try_get(0)
}

/// Lists invitations, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<MemberInvitationRow>> {
    let rows = sqlx::query(
        "select * from auth.invites
         where creator_id = $1 and ($2::uuid is null or id < $2)
         order by id desc limit $3",
    )
    .bind(tx.creator())
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Revokes an invitation that was not accepted; false when there is none.
pub(crate) async fn revoke(tx: &mut TenantTx, id: Uuid) -> sqlx::Result<bool> {
    let revoked = sqlx::query(
        "update auth.invites set revoked_at = coalesce(revoked_at, now())
         where creator_id = $1 and id = $2 and accepted_at is null",
    )
    .bind(tx.creator())
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Finds an invitation by the hash of its token, before the tenant is known.
pub(crate) async fn find(db: &Db, hash: &[u8; 32]) -> sqlx::Result<Option<InvitationRef>> {
    let sql = "select tenant, invite_id from auth.find_invite($1)";
    let row = db.look_up(|| sqlx::query(sql).bind(&hash[..])).await?;
    let parse = |row: PgRow| {
        Ok(InvitationRef {
            creator: row.try_get("tenant")?,
            invitation: row.try_get("invite_id")?,
        })
    };
    row.map(parse).transpose()
}

/// Reads an invitation that can still be accepted: not when its creator was removed or has lost
/// the permission to invite.
pub(crate) async fn find_acceptable(
    tx: &mut TenantTx,
    id: Uuid,
) -> sqlx::Result<Option<MemberInvitationRow>> {
    let row = sqlx::query(
        "select i.* from auth.invites i
         join auth.memberships m on m.creator_id = i.creator_id and m.user_id = i.invited_by
         where i.creator_id = $1 and i.id = $2
           and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
           and (m.role = 'owner' or m.role = 'admin' and i.role <> 'owner')",
    )
    .bind(tx.creator())
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Marks an invitation as accepted; false when another request was faster.
pub(crate) async fn accept(tx: &mut TenantTx, id: Uuid) -> sqlx::Result<bool> {
    let accepted = sqlx::query(
        "update auth.invites set accepted_at = now()
         where creator_id = $1 and id = $2 and accepted_at is null and revoked_at is null",
    )
    .bind(tx.creator())
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(accepted.rows_affected() == 1)
}
