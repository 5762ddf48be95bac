//! `auth.totp` and `auth.recovery_codes`: encrypted secrets with the last used time step, and
//! hashes of recovery codes.

use jiff::Timestamp;
use shared_db::TenantTx;
use shared_models::UserId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// The second factor of a user.
#[derive(Debug, Clone)]
pub(crate) struct TotpRow {
    pub(crate) encrypted_secret: String,
    /// When the second factor was enabled; none while the secret is only offered.
    pub(crate) confirmed_at: Option<Timestamp>,
    pub(crate) codes_left: i64,
}

impl TryFrom<PgRow> for TotpRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let confirmed_at: Option<jiff_sqlx::Timestamp> = row.try_get("confirmed_at")?;
        Ok(Self {
            encrypted_secret: row.try_get("secret")?,
            confirmed_at: confirmed_at.map(jiff_sqlx::Timestamp::to_jiff),
            codes_left: row.try_get("codes_left")?,
        })
    }
}

/// Reads the second factor of a user.
pub(crate) async fn find(tx: &mut TenantTx, user: UserId) -> sqlx::Result<Option<TotpRow>> {
    let row = sqlx::query(
        "select t.secret, t.confirmed_at,
                (select count(*) from auth.recovery_codes c
                 where c.creator_id = t.creator_id and c.user_id = t.user_id) as codes_left
         from auth.totp t where t.creator_id = $1 and t.user_id = $2",
    )
    .bind(tx.creator())
    .bind(user)
    .fetch_optional(tx.conn())
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Stores an offered secret; it replaces an older offer. False when one is confirmed already.
pub(crate) async fn offer(
    tx: &mut TenantTx,
    user: UserId,
    encrypted_secret: &str,
) -> sqlx::Result<bool> {
    let offered = sqlx::query(
        "insert into auth.totp (creator_id, user_id, secret) values ($1, $2, $3)
         on conflict (creator_id, user_id) do update
         set secret = excluded.secret, last_step = 0, created_at = now()
         where auth.totp.confirmed_at is null",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(encrypted_secret)
    .execute(tx.conn())
    .await?;
    Ok(offered.rows_affected() == 1)
}

/// Marks a time step and its code as used; false when it, or a later one, was used already.
pub(crate) async fn use_step(tx: &mut TenantTx, user: UserId, step: i64) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update auth.totp set last_step = $3
         where creator_id = $1 and user_id = $2 and last_step < $3",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(step)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Confirms an offered secret; false when it is confirmed already.
pub(crate) async fn confirm(tx: &mut TenantTx, user: UserId) -> sqlx::Result<bool> {
    let confirmed = sqlx::query(
        "update auth.totp set confirmed_at = now()
         where creator_id = $1 and user_id = $2 and confirmed_at is null",
    )
    .bind(tx.creator())
    .bind(user)
    .execute(tx.conn())
    .await?;
    Ok(confirmed.rows_affected() == 1)
}

/// Replaces a secret that was encrypted with the previous data key.
pub(crate) async fn update_encryption(
    tx: &mut TenantTx,
    user: UserId,
    encrypted_secret: &str,
) -> sqlx::Result<()> {
    sqlx::query("update auth.totp set secret = $3 where creator_id = $1 and user_id = $2")
        .bind(tx.creator())
        .bind(user)
        .bind(encrypted_secret)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Deletes the secret of a user and, by a foreign key, the recovery codes.
pub(crate) async fn remove(tx: &mut TenantTx, user: UserId) -> sqlx::Result<()> {
    sqlx::query("delete from auth.totp where creator_id = $1 and user_id = $2")
        .bind(tx.creator())
        .bind(user)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Replaces all recovery codes of a user.
pub(crate) async fn replace_codes(
    tx: &mut TenantTx,
    user: UserId,
    hashes: &[Vec<u8>],
) -> sqlx::Result<()> {
    sqlx::query("delete from auth.recovery_codes where creator_id = $1 and user_id = $2")
        .bind(tx.creator())
        .bind(user)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "insert into auth.recovery_codes (creator_id, user_id, code_hash)
         select $1, $2, unnest($3::bytea[])",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(hashes)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Deletes a recovery code; false when the user has no such code.
pub(crate) async fn use_code(
    tx: &mut TenantTx,
    user: UserId,
    hash: &[u8; 32],
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "delete from auth.recovery_codes
         where creator_id = $1 and user_id = $2 and code_hash = $3",
    )
    .bind(tx.creator())
    .bind(user)
    .bind(&hash[..])
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
