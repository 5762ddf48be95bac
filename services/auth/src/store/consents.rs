//! `platform.consents`: consents that users gave and withdrew; rows are never overwritten.

use jiff::Timestamp;
use shared_db::TenantTx;
use shared_models::UserId;
use sqlx::Row as _;
use uuid::Uuid;

/// The latest decision of a user about one purpose.
#[derive(Debug, Clone)]
pub(crate) struct ConsentRow {
    pub(crate) purpose: String,
    pub(crate) version: String,
    pub(crate) granted: bool,
    pub(crate) at: Timestamp,
}

/// Records a decision.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    user: UserId,
    purpose: &str,
    version: &str,
    granted: bool,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into platform.consents
           (creator_id, id, subject_kind, subject_id, purpose, version, granted)
         values ($1, $2, 'user', $3, $4, $5, $6)",
    )
    .bind(tx.creator())
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(purpose)
    .bind(version)
    .bind(granted)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// The latest decision of a user about each purpose.
pub(crate) async fn latest(tx: &mut TenantTx, user: UserId) -> sqlx::Result<Vec<ConsentRow>> {
    let rows = sqlx::query(
        "select distinct on (purpose) purpose, version, granted, at from platform.consents
         where creator_id = $1 and subject_kind = 'user' and subject_id = $2
         order by purpose, id desc",
    )
    .bind(tx.creator())
    .bind(user)
    .fetch_all(tx.conn())
    .await?;
    let parse = |row: &sqlx::postgres::PgRow| {
        let at: jiff_sqlx::Timestamp = row.try_get("at")?;
        Ok(ConsentRow {
            purpose: row.try_get("purpose")?,
            version: row.try_get("version")?,
            granted: row.try_get("granted")?,
            at: at.to_jiff(),
        })
    };
    rows.iter().map(parse).collect()
}
