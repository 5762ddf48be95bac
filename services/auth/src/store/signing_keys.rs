//! Keys that sign access tokens: what every replica reads, and who makes the next one.

use jiff::Timestamp;
use shared_db::SystemTx;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// A key, its seed sealed.
#[derive(Debug, Clone)]
pub(crate) struct KeyRow {
    pub(crate) kid: String,
    pub(crate) seed: String,
    pub(crate) active_from: Timestamp,
}

impl TryFrom<PgRow> for KeyRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        Ok(Self {
            kid: row.try_get("kid")?,
            seed: row.try_get("seed")?,
            active_from: row
                .try_get::<jiff_sqlx::Timestamp, _>("active_from")?
                .to_jiff(),
        })
    }
}

/// Keeps other replicas from adding a key until this transaction ends.
pub(crate) async fn hold(tx: &mut SystemTx) -> sqlx::Result<()> {
    sqlx::query("select pg_advisory_xact_lock(7305128946)")
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Every key, the oldest first.
pub(crate) async fn list(tx: &mut SystemTx) -> sqlx::Result<Vec<KeyRow>> {
    let rows = sqlx::query("select kid, seed, active_from from auth.list_signing_keys()")
        .fetch_all(tx.conn())
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Adds a key that signs from so many seconds on.
pub(crate) async fn insert(
    tx: &mut SystemTx,
    kid: &str,
    sealed: &str,
    wait_seconds: f64,
) -> sqlx::Result<()> {
    sqlx::query("select auth.add_signing_key($1, $2, $3)")
        .bind(kid)
        .bind(sealed)
        .bind(wait_seconds)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Forgets a key whose last token has expired.
pub(crate) async fn remove(tx: &mut SystemTx, kid: &str) -> sqlx::Result<()> {
    sqlx::query("select auth.drop_signing_key($1)")
        .bind(kid)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// Seals a seed anew: with today's key.
pub(crate) async fn reseal(tx: &mut SystemTx, kid: &str, sealed: &str) -> sqlx::Result<()> {
    sqlx::query("select auth.reseal_signing_key($1, $2)")
        .bind(kid)
        .bind(sealed)
        .execute(tx.conn())
        .await
        .map(|_| ())
}
