//! The summary in `channel.conversations`.

use shared_db::TenantTx;
use shared_models::ConversationId;
use sqlx::Row as _;

/// The summary of a conversation, and how far it goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct SummaryRow {
    pub(crate) summary: Option<String>,
    /// The last message that is in it.
    pub(crate) summarised_seq: i64,
    pub(crate) last_seq: i64,
}

/// Reads the summary of a conversation.
pub(crate) async fn find(
    tx: &mut TenantTx,
    id: ConversationId,
) -> sqlx::Result<Option<SummaryRow>> {
    sqlx::query("select summary, summarised_seq, last_seq from channel.conversations where id = $1")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .map(|row| {
            Ok(SummaryRow {
                summary: row.try_get("summary")?,
                summarised_seq: row.try_get("summarised_seq")?,
                last_seq: row.try_get("last_seq")?,
            })
        })
        .transpose()
}

/// Replaces the summary that went up to `before`. Returns false when another one has done so.
pub(crate) async fn replace(
    tx: &mut TenantTx,
    id: ConversationId,
    before: i64,
    summary: Option<&str>,
    summarised_seq: i64,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update channel.conversations set summary = $3, summarised_seq = $4
         where id = $1 and summarised_seq = $2",
    )
    .bind(id)
    .bind(before)
    .bind(summary)
    .bind(summarised_seq)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
