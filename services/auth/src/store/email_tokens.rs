//! `auth.email_tokens`: one-time codes of emails.

use std::time::Duration;

use shared_db::{Db, TenantTx};
use shared_models::{Email, UserId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::login_lookup::Login;
use crate::domain::email::VERIFICATION_TTL;
use crate::domain::email_token::Purpose;

/// Stores a token; it replaces an older one for the same purpose.
pub(crate) async fn replace(
    tx: &mut TenantTx,
    user: UserId,
    purpose: Purpose,
    hash: &[u8; 32],
    ttl: Duration,
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
    .bind(ttl.as_secs_f64())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Stores the token of a change of address; it replaces an older one.
pub(crate) async fn replace_change(
    tx: &mut TenantTx,
    user: UserId,
    hash: &[u8; 32],
    address: &Email,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into auth.email_tokens
           (creator_id, id, user_id, purpose, token_hash, expires_at, new_email)
         values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6), $7)
         on conflict (creator_id, user_id, purpose) do update
         set id = excluded.id, token_hash = excluded.token_hash, created_at = now(),
             expires_at = excluded.expires_at, new_email = excluded.new_email",
    )
    .bind(tx.creator())
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(Purpose::EmailChange.as_str())
    .bind(&hash[..])
    .bind(VERIFICATION_TTL.as_secs_f64())
    .bind(address.as_str())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Deletes the valid token of a change of address, and returns the address.
pub(crate) async fn consume_change(
    tx: &mut TenantTx,
    user: UserId,
    hash: &[u8; 32],
) -> sqlx::Result<Option<Email>> {
    let row = sqlx::query(
        "delete from auth.email_tokens
         where creator_id = $1 and user_id = $2 and purpose = $3 and token_hash = $4
           and expires_at > now()
         returning new_email",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(Purpose::EmailChange.as_str())
    .bind(&hash[..])
    .fetch_optional(tx.conn())
    .await?;
    let address = |row: PgRow| {
        let parsed = Email::parse(row.try_get("new_email")?);
        parsed.map_err(|error| sqlx::Error::Decode(Box::new(error)))
    };
    row.map(address).transpose()
}

/// The user of a token; none when it was used, replaced, or has expired.
pub(crate) async fn find(
    db: &Db,
    purpose: Purpose,
    hash: &[u8; 32],
) -> sqlx::Result<Option<Login>> {
    let sql = "select tenant, user_id from auth.find_email_token($1, $2)";
    let query = || sqlx::query(sql).bind(&hash[..]).bind(purpose.as_str());
    let row = db.look_up(query).await?;
    let owner = |row: PgRow| {
        Ok(Login {
            creator: row.try_get("tenant")?,
            user: row.try_get("user_id")?,
        })
    };
    row.map(owner).transpose()
}

/// Deletes a valid token; false when another request has consumed it.
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

/// Deletes the token of a user for a purpose.
pub(crate) async fn remove(tx: &mut TenantTx, user: UserId, purpose: Purpose) -> sqlx::Result<()> {
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
