//! `auth.audit_checkpoints`: hashes of entries of the audit log, sealed.

use jiff::Timestamp;
use shared_db::{SystemTx, TenantTx};
use shared_models::CreatorId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

#[derive(Debug, Clone)]
pub(crate) struct CheckpointRow {
    pub(crate) seq: i64,
    pub(crate) sealed_hash: String,
    pub(crate) created_at: Timestamp,
    /// The hash of the entry as it is now; none if the entry is gone.
    pub(crate) entry_hash: Option<Vec<u8>>,
}

impl TryFrom<PgRow> for CheckpointRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let created_at: jiff_sqlx::Timestamp = row.try_get("created_at")?;
        Ok(Self {
            seq: row.try_get("seq")?,
            sealed_hash: row.try_get("sealed_hash")?,
            created_at: created_at.to_jiff(),
            entry_hash: row.try_get("entry_hash")?,
        })
    }
}

/// Reads the checkpoints of the entries after `after` and up to `last`, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    after: i64,
    last: i64,
    limit: i64,
) -> sqlx::Result<Vec<CheckpointRow>> {
    let rows = sqlx::query(
        "select c.seq, c.sealed_hash, c.created_at, l.hash as entry_hash
         from auth.audit_checkpoints c
         left join auth.audit_log l on l.creator_id = c.creator_id and l.seq = c.seq
         where c.creator_id = $1 and c.seq > $2 and c.seq <= $3
         order by c.seq desc, c.created_at desc limit $4",
    )
    .bind(tx.creator())
    .bind(after)
    .bind(last)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Stores the sealed hash of an entry.
pub(crate) async fn insert(tx: &mut TenantTx, seq: i64, sealed_hash: &str) -> sqlx::Result<()> {
    sqlx::query(
        "insert into auth.audit_checkpoints (creator_id, seq, sealed_hash) values ($1, $2, $3)",
    )
    .bind(tx.creator())
    .bind(seq)
    .bind(sealed_hash)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// The last entry of an account's log, and its seals.
#[derive(Debug, Clone)]
pub(crate) struct HeadRow {
    pub(crate) tenant: CreatorId,
    pub(crate) seq: i64,
    pub(crate) seals: Vec<String>,
}

/// Lists the last entries of the logs of all accounts after that one, in the order of their ids.
pub(crate) async fn list_heads(
    tx: &mut SystemTx,
    after: CreatorId,
    most: i32,
) -> sqlx::Result<Vec<HeadRow>> {
    let rows = sqlx::query("select tenant, seq, seals from auth.list_audit_heads($1, $2)")
        .bind(after)
        .bind(most)
        .fetch_all(tx.conn())
        .await?;
    let head = |row: PgRow| {
        Ok(HeadRow {
            tenant: row.try_get("tenant")?,
            seq: row.try_get("seq")?,
            seals: row.try_get("seals")?,
        })
    };
    rows.into_iter().map(head).collect()
}
