//! Leases on `channel.conversations`: which worker generates the next answer.

use std::time::Duration;

use shared_ai_client::AnswerMode;
use shared_db::TenantTx;
use shared_models::ConversationId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::widget_settings::WidgetSettings;

/// A worker that has not renewed its lease for this long has died; another one takes over.
const LEASE_TTL: Duration = Duration::from_secs(30);

/// A question that this worker answers.
#[derive(Debug, Clone)]
pub(crate) struct LeasedQuestion {
    pub(crate) seq: i64,
    pub(crate) content: String,
    /// The channel's answer mode; `None` for the platform's.
    pub(crate) mode: Option<AnswerMode>,
}

/// Leases the oldest question that has no answer, unless another worker holds the lease or a
/// person handles the conversation.
pub(crate) async fn acquire(
    tx: &mut TenantTx,
    id: ConversationId,
    worker: Uuid,
) -> sqlx::Result<Option<LeasedQuestion>> {
    let row = sqlx::query(
        "update channel.conversations c
         set lease_token = $2, lease_until = now() + $3
         from channel.messages m, channel.channels h
         where c.id = $1 and c.owner = 'bot' and coalesce(c.lease_until < now(), true)
           and h.id = c.channel_id and h.enabled and h.deleted_at is null
           and m.conversation_id = c.id and m.role = 'user' and m.seq > c.answered_seq
           and not exists (
             select 1 from channel.messages e
             where e.conversation_id = c.id and e.role = 'user' and e.seq > c.answered_seq
               and e.seq < m.seq)
         returning m.seq, m.content, h.settings",
    )
    .bind(id)
    .bind(worker)
    .bind(lease_interval())
    .fetch_optional(tx.conn())
    .await?;
    let read = |row: PgRow| -> sqlx::Result<LeasedQuestion> {
        let Json(settings): Json<WidgetSettings> = row.try_get("settings")?;
        Ok(LeasedQuestion {
            seq: row.try_get("seq")?,
            content: row.try_get("content")?,
            mode: settings.answer_mode,
        })
    };
    row.map(read).transpose()
}

/// The remaining time of another worker's lease; `None` when no question is open.
pub(crate) async fn remaining(
    tx: &mut TenantTx,
    id: ConversationId,
) -> sqlx::Result<Option<Duration>> {
    let row = sqlx::query(
        "select extract(epoch from lease_until - now())::float8 as seconds
         from channel.conversations c
         where id = $1 and owner = 'bot' and lease_until > now() and exists (
           select 1 from channel.messages m
           where m.conversation_id = c.id and m.role = 'user' and m.seq > c.answered_seq)",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    let read = |row: PgRow| row.try_get("seconds").map(Duration::from_secs_f64);
    row.map(read).transpose()
}

/// Renews the lease. Returns false when this worker no longer holds it or a person has taken over.
pub(crate) async fn renew(
    tx: &mut TenantTx,
    id: ConversationId,
    worker: Uuid,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update channel.conversations set lease_until = now() + $3
         where id = $1 and lease_token = $2 and owner = 'bot'",
    )
    .bind(id)
    .bind(worker)
    .bind(lease_interval())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the lease and returns the number of the answer, or `None` when this worker no longer holds
/// the lease or a person has taken over.
pub(crate) async fn complete(
    tx: &mut TenantTx,
    id: ConversationId,
    worker: Uuid,
    question_seq: i64,
) -> sqlx::Result<Option<i64>> {
    sqlx::query(
        "update channel.conversations
         set last_seq = last_seq + 1, answered_seq = greatest(answered_seq, $3),
             lease_token = null, lease_until = null, last_message_at = now()
         where id = $1 and lease_token = $2 and owner = 'bot' returning last_seq",
    )
    .bind(id)
    .bind(worker)
    .bind(question_seq)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| row.try_get("last_seq"))
    .transpose()
}

/// Ends the lease without an answer. A `failed` question is not leased again until it is reopened.
pub(crate) async fn release(
    tx: &mut TenantTx,
    id: ConversationId,
    worker: Uuid,
    failed: Option<i64>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update channel.conversations
         set answered_seq = greatest(answered_seq, coalesce($3, 0)), lease_token = null,
             lease_until = null
         where id = $1 and lease_token = $2",
    )
    .bind(id)
    .bind(worker)
    .bind(failed)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reopens the last message, if it is a question without an answer. Returns whether it did.
pub(crate) async fn reopen_last_question(
    tx: &mut TenantTx,
    id: ConversationId,
) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update channel.conversations c set answered_seq = least(c.answered_seq, c.last_seq - 1)
         from channel.messages m
         where c.id = $1
           and m.conversation_id = c.id and m.seq = c.last_seq and m.role = 'user'",
    )
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

fn lease_interval() -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(LEASE_TTL.as_micros()).unwrap_or(i64::MAX),
    }
}
