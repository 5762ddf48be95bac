//! The sign-ins of a person, as that person sees and ends them.

use jiff::Timestamp;
use shared_db::TenantTx;
use shared_models::{SessionId, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::sessions::Revocation;

/// A sign-in that is open.
#[derive(Debug, Clone)]
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    pub(crate) user_agent: Option<String>,
    pub(crate) ip: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl TryFrom<PgRow> for SessionRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let time = |column| {
            row.try_get::<jiff_sqlx::Timestamp, _>(column)
                .map(jiff_sqlx::Timestamp::to_jiff)
        };
        Ok(Self {
            id: row.try_get("id")?,
            user_agent: row.try_get("user_agent")?,
            ip: row.try_get("ip")?,
            created_at: time("created_at")?,
            last_seen_at: time("last_seen_at")?,
            expires_at: time("expires_at")?,
        })
    }
}

/// Lists a user's open sessions, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    user: UserId,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<SessionRow>> {
    let rows = sqlx::query(
        "select id, user_agent, host(ip) as ip, created_at, last_seen_at, expires_at
         from auth.sessions
         where creator_id = $1 and user_id = $2 and revoked_at is null and expires_at > now()
           and ($3::uuid is null or id < $3)
         order by id desc limit $4",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Ends an open session of a user; false when there is none of that id.
pub(crate) async fn revoke_own(
    tx: &mut TenantTx,
    user: UserId,
    id: SessionId,
) -> sqlx::Result<bool> {
    let ended = sqlx::query(
        "update auth.sessions set revoked_at = now(), revoked_reason = $4
         where creator_id = $1 and user_id = $2 and id = $3
           and revoked_at is null and expires_at > now()",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(id)
    .bind(Revocation::Revoked.as_str())
    .execute(tx.conn())
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Ends every session of a user but the one that is kept, if any; says which.
pub(crate) async fn revoke_all(
    tx: &mut TenantTx,
    user: UserId,
    kept: Option<SessionId>,
    reason: Revocation,
) -> sqlx::Result<Vec<SessionId>> {
    let rows = sqlx::query(
        "update auth.sessions set revoked_at = now(), revoked_reason = $4
         where creator_id = $1 and user_id = $2 and id is distinct from $3
           and revoked_at is null and expires_at > now()
         returning id",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(kept)
    .bind(reason.as_str())
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|row| row.try_get("id")).collect()
}
