//! The keys that sign access tokens, shared by all replicas.

use jiff::Timestamp;
use shared_db::SystemTx;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

#[derive(Debug, Clone)]
pub(crate) struct SigningKeyRow {
    pub(crate) kid: String,
    pub(crate) encrypted_seed: String,
    pub(crate) active_from: Timestamp,
}

impl TryFrom<PgRow> for SigningKeyRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        Ok(Self {
            kid: row.try_get("kid")?,
            encrypted_seed: row.try_get("seed")?,
            active_from: row
                .try_get::<jiff_sqlx::Timestamp, _>("active_from")?
                .to_jiff(),
        })
    }
}

/// Prevents other replicas from adding or removing keys until this transaction ends.
pub(crate) async fn lock(tx: &mut SystemTx) -> sqlx::Result<()> {
    sqlx::query("select pg_advisory_xact_lock(7305128946)")
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// All keys, the oldest first.
pub(crate) async fn list(tx: &mut SystemTx) -> sqlx::Result<Vec<SigningKeyRow>> {
    let rows = sqlx::query("select kid, seed, active_from from auth.list_signing_keys()")
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Adds a key that starts to sign after `delay_seconds`.
pub(crate) async fn insert(
    tx: &mut SystemTx,
    kid: &str,
    encrypted_seed: &str,
    delay_seconds: f64,
) -> sqlx::Result<()> {
    sqlx::query("select auth.add_signing_key($1, $2, $3)")
        .bind(kid)
        .bind(encrypted_seed)
        .bind(delay_seconds)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Deletes a key.
pub(crate) async fn remove(tx: &mut SystemTx, kid: &str) -> sqlx::Result<()> {
    sqlx::query("select auth.drop_signing_key($1)")
        .bind(kid)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Replaces a seed that was encrypted with the previous data key.
pub(crate) async fn update_encryption(
    tx: &mut SystemTx,
    kid: &str,
    encrypted_seed: &str,
) -> sqlx::Result<()> {
    sqlx::query("select auth.reseal_signing_key($1, $2)")
        .bind(kid)
        .bind(encrypted_seed)
        .execute(tx.conn())
        .await
        .map(|_| ())
}
