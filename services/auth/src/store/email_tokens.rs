//! What links in letters open, once.

use std::time::Duration;

use shared_db::{Db, TenantTx};
use shared_models::UserId;
use sqlx::Row as _;
use uuid::Uuid;

use super::directory::Login;
use crate::domain::email_token::Purpose;

/// Gives a user a token; an older one of that purpose opens nothing any more.
pub(crate) async fn put(
    tx: &mut TenantTx,
    user: UserId,
    purpose: Purpose,
    hash: &[u8; 32],
    life: Duration,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into auth.email_tokens (creator_id, id, user_id, purpose, token_hash, expires_at)
         values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
         on conflict (creator_id, user_id, purpose) do update
         set id = excluded.id, token_hash = excluded.token_hash, created_at = now(),
             expires_at = excluded.expires_at",
    )
    .bind(tx.creator())
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(purpose.as_str())
    .bind(&hash[..])
    .bind(life.as_secs_f64())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Whose token that is; nobody's once it was used, replaced or is too old.
pub(crate) async fn find(
    db: &Db,
    purpose: Purpose,
    hash: &[u8; 32],
) -> sqlx::Result<Option<Login>> {
    let sql = "select tenant, user_id from auth.find_email_token($1, $2)";
    let question = || sqlx::query(sql).bind(&hash[..]).bind(purpose.as_str());
    let row = db.look_up(question).await?;
    let owner = |row: sqlx::postgres::PgRow| {
        Ok(Login {
            creator: row.try_get("tenant")?,
            user: row.try_get("user_id")?,
        })
    };
    row.map(owner).transpose()
}

/// Uses a token up; false when somebody was faster.
pub(crate) async fn consume(
    tx: &mut TenantTx,
    purpose: Purpose,
    hash: &[u8; 32],
) -> sqlx::Result<bool> {
    let used = sqlx::query(
        "delete from auth.email_tokens
         where creator_id = $1 and purpose = $2 and token_hash = $3 and expires_at > now()",
    )
    .bind(tx.creator())
    .bind(purpose.as_str())
    .bind(&hash[..])
    .execute(tx.conn())
    .await?;
    Ok(used.rows_affected() == 1)
}

/// Voids what a user has of that purpose.
pub(crate) async fn void(tx: &mut TenantTx, user: UserId, purpose: Purpose) -> sqlx::Result<()> {
    sqlx::query(
        "delete from auth.email_tokens where creator_id = $1 and user_id = $2 and purpose = $3",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(purpose.as_str())
    .execute(tx.conn())
    .await
    .map(|_| ())
}
