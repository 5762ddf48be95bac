//! Leases on `channel.conversations`: which job generates the next answer.
//!
//! The job itself is leased by `shared/jobs`. This lease says that an answer is being generated,
//! ends when a person takes over, and keeps out processes of the version before, which know only
//! it.

use std::time::Duration;

use shared_ai_client::{AnswerMode, AppliedPolicy};
use shared_db::TenantTx;
use shared_models::{CollectionId, ConversationId, JobId, VisitorId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use sqlx::types::Json;

use crate::domain::widget_settings::WidgetSettings;

/// A process that has not renewed its lease for this long has died; another one takes over.
const LEASE_TTL: Duration = Duration::from_secs(30);

/// A question that this job answers.
#[derive(Debug, Clone)]
pub(crate) struct LeasedQuestion {
    pub(crate) seq: i64,
    pub(crate) content: String,
    /// The channel's answer mode; `None` for the platform's.
    pub(crate) mode: Option<AnswerMode>,
    /// The channel's collections; all documents when empty.
    pub(crate) collections: Vec<CollectionId>,
    /// Who asks.
    pub(crate) visitor: VisitorId,
}

/// Leases the oldest question that has no answer, unless another one holds the lease or a person
/// handles the conversation. Until a person does, a visitor who waits for one is answered. A later
/// attempt of a job takes the lease of an earlier one.
pub(crate) async fn acquire(
    tx: &mut TenantTx,
    id: ConversationId,
    job: JobId,
) -> sqlx::Result<Option<LeasedQuestion>> {
    let row = sqlx::query(
        "update channel.conversations c
         set lease_token = $2, lease_until = now() + $3
         from channel.messages m, channel.channels h
         where c.id = $1 and c.owner in ('bot', 'waiting')
           and (coalesce(c.lease_until < now(), true) or c.lease_token = $2)
           and h.id = c.channel_id and h.enabled and h.deleted_at is null
           and m.conversation_id = c.id and m.role = 'user' and m.seq > c.answered_seq
           and not exists (
             select 1 from channel.messages e
             where e.conversation_id = c.id and e.role = 'user' and e.seq > c.answered_seq
               and e.seq < m.seq)
         returning m.seq, m.content, h.settings, c.contact_id",
    )
    .bind(id)
    .bind(job)
    .bind(lease_interval())
    .fetch_optional(tx.conn())
    .await?;
    let read = |row: PgRow| -> sqlx::Result<LeasedQuestion> {
        let Json(settings): Json<WidgetSettings> = row.try_get("settings")?;
        Ok(LeasedQuestion {
            seq: row.try_get("seq")?,
            content: row.try_get("content")?,
            mode: settings.answer_mode,
            collections: settings.collections.into(),
            visitor: row.try_get("contact_id")?,
        })
    };
    row.map(read).transpose()
}

/// Locks the conversation until the transaction ends: no message can be stored meanwhile.
pub(crate) async fn lock(tx: &mut TenantTx, id: ConversationId) -> sqlx::Result<()> {
    sqlx::query("select from channel.conversations where id = $1 for update")
        .bind(id)
        .execute(tx.conn())
        .await
        .map(|_| ())
}

/// The remaining time of another one's lease; `None` when no question is open.
pub(crate) async fn remaining(
    tx: &mut TenantTx,
    id: ConversationId,
    job: JobId,
) -> sqlx::Result<Option<Duration>> {
    let row = sqlx::query(
        "select extract(epoch from lease_until - now())::float8 as seconds
         from channel.conversations c
         where id = $1 and owner in ('bot', 'waiting') and lease_until > now()
           and lease_token <> $2 and exists (
           select 1 from channel.messages m
           where m.conversation_id = c.id and m.role = 'user' and m.seq > c.answered_seq)",
    )
    .bind(id)
    .bind(job)
    .fetch_optional(tx.conn())
    .await?;
    let read = |row: PgRow| row.try_get("seconds").map(Duration::from_secs_f64);
    row.map(read).transpose()
}

/// Renews the lease. Returns false when this job no longer holds it or a person has taken over.
pub(crate) async fn renew(tx: &mut TenantTx, id: ConversationId, job: JobId) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update channel.conversations set lease_until = now() + $3
         where id = $1 and lease_token = $2 and owner in ('bot', 'waiting')",
    )
    .bind(id)
    .bind(job)
    .bind(lease_interval())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What the end of a lease with an answer gives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Completed {
    /// The number of the answer.
    pub(crate) seq: i64,
    /// Messages that are not in the summary of the conversation.
    pub(crate) unsummarised: i64,
}

/// Ends the lease and returns the number of the answer, or `None` when this job no longer holds
/// the lease or a person has taken over. With `hands_over`, the conversation waits for a person
/// from now on; a topic does not hide that the visitor seemed to be in danger.
pub(crate) async fn complete(
    tx: &mut TenantTx,
    id: ConversationId,
    job: JobId,
    question_seq: i64,
    hands_over: Option<&AppliedPolicy>,
) -> sqlx::Result<Option<Completed>> {
    sqlx::query(
        "update channel.conversations
         set last_seq = last_seq + 1, answered_seq = greatest(answered_seq, $3),
             lease_token = null, lease_until = null, last_message_at = now(),
             owner = case when $4::text is null then owner else 'waiting' end,
             waiting_since =
               case when $4::text is null then waiting_since
                    else coalesce(waiting_since, now()) end,
             waiting_topic =
               case when $4::text is null or waiting_reason = 'crisis' then waiting_topic
                    else $5 end,
             waiting_reason =
               case when $4::text is null or waiting_reason = 'crisis' then waiting_reason
                    else $4 end
         where id = $1 and lease_token = $2 and owner in ('bot', 'waiting')
         returning last_seq, last_seq - summarised_seq as unsummarised",
    )
    .bind(id)
    .bind(job)
    .bind(question_seq)
    .bind(hands_over.map(|policy| policy.kind.as_str()))
    .bind(hands_over.and_then(|policy| policy.topic.as_deref()))
    .fetch_optional(tx.conn())
    .await?
    .map(|row| {
        Ok(Completed {
            seq: row.try_get("last_seq")?,
            unsummarised: row.try_get("unsummarised")?,
        })
    })
    .transpose()
}

/// Ends the lease without an answer. A `failed` question is not leased again until it is reopened.
pub(crate) async fn release(
    tx: &mut TenantTx,
    id: ConversationId,
    job: JobId,
    failed: Option<i64>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update channel.conversations
         set answered_seq = greatest(answered_seq, coalesce($3, 0)), lease_token = null,
             lease_until = null
         where id = $1 and lease_token = $2",
    )
    .bind(id)
    .bind(job)
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
