//! `channel.conversations` and `channel.contacts`: numbers, owner, and who makes the next answer.

use std::time::Duration;

use jiff::Timestamp;
use shared_ai_client::AnswerMode;
use shared_db::TenantTx;
use shared_models::{ChannelId, ConversationId, VisitorId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::postgres::types::PgInterval;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::appearance::WidgetSettings;
use crate::domain::visitor_token::SessionClaims;

/// How long a worker may be silent before another makes the answer.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// A conversation.
#[derive(Debug, Clone)]
pub(crate) struct ConversationRow {
    pub(crate) id: ConversationId,
    pub(crate) channel_id: ChannelId,
    pub(crate) contact_id: VisitorId,
    pub(crate) origin: Option<String>,
    pub(crate) owner: String,
    pub(crate) last_seq: i64,
    pub(crate) answered_seq: i64,
    pub(crate) answering: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) last_message_at: Timestamp,
}

/// A question that this worker is to answer.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) seq: i64,
    pub(crate) content: String,
    pub(crate) mode: Option<AnswerMode>,
}

/// Up to `limit` conversations after that one, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    channel: Option<ChannelId>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ConversationRow>> {
    let rows = sqlx::query(
        "select *, coalesce(lease_until > now(), false) as answering from channel.conversations
         where ($1::uuid is null or channel_id = $1) and ($2::uuid is null or id < $2)
         order by id desc limit $3",
    )
    .bind(channel)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

/// One conversation.
pub(crate) async fn find(
    tx: &mut TenantTx,
    id: ConversationId,
) -> sqlx::Result<Option<ConversationRow>> {
    sqlx::query(
        "select *, coalesce(lease_until > now(), false) as answering from channel.conversations
         where id = $1",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| read(&row))
    .transpose()
}

/// Writes down the visitor and the conversation, with the first message and not before.
pub(crate) async fn open(tx: &mut TenantTx, session: &SessionClaims) -> sqlx::Result<()> {
    let creator = tx.creator();
    sqlx::query(
        "insert into channel.contacts (creator_id, id, channel_id) values ($1, $2, $3)
         on conflict (creator_id, id) do nothing",
    )
    .bind(creator)
    .bind(session.visitor)
    .bind(session.channel)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into channel.conversations (creator_id, id, channel_id, contact_id, origin)
         values ($1, $2, $3, $4, $5) on conflict (creator_id, id) do nothing",
    )
    .bind(creator)
    .bind(session.conversation)
    .bind(session.channel)
    .bind(session.visitor)
    .bind(&session.origin)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The next number of a conversation that is not closed. The row stays locked until the
/// transaction ends, so numbers are committed in their order and without a gap.
pub(crate) async fn next_seq(tx: &mut TenantTx, id: ConversationId) -> sqlx::Result<Option<i64>> {
    sqlx::query(
        "update channel.conversations set last_seq = last_seq + 1, last_message_at = now()
         where id = $1 and owner <> 'closed' returning last_seq",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| row.try_get("last_seq"))
    .transpose()
}

/// Takes the oldest question that nobody has answered and nobody is answering.
pub(crate) async fn claim(
    tx: &mut TenantTx,
    id: ConversationId,
    worker: Uuid,
) -> sqlx::Result<Option<Turn>> {
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
    .bind(lease())
    .fetch_optional(tx.conn())
    .await?;
    let read = |row: PgRow| -> sqlx::Result<Turn> {
        let Json(settings): Json<WidgetSettings> = row.try_get("settings")?;
        Ok(Turn {
            seq: row.try_get("seq")?,
            content: row.try_get("content")?,
            mode: settings.answer_mode,
        })
    };
    row.map(read).transpose()
}

/// How long another worker's lease on an open question lasts; none when no question is open.
pub(crate) async fn lease_left(
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

/// Keeps the lease; false when it is no longer this worker's.
pub(crate) async fn keep(
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
    .bind(lease())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the lease with an answer: gives its number, or nothing when the conversation is no longer
/// this worker's or no longer the assistant's to speak in.
pub(crate) async fn finish(
    tx: &mut TenantTx,
    id: ConversationId,
    worker: Uuid,
    answered: i64,
) -> sqlx::Result<Option<i64>> {
    sqlx::query(
        "update channel.conversations
         set last_seq = last_seq + 1, answered_seq = greatest(answered_seq, $3),
             lease_token = null, lease_until = null, last_message_at = now()
         where id = $1 and lease_token = $2 and owner = 'bot' returning last_seq",
    )
    .bind(id)
    .bind(worker)
    .bind(answered)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| row.try_get("last_seq"))
    .transpose()
}

/// Ends the lease without an answer. With `given_up`, that question is asked again only when the
/// visitor says so; else whoever comes next takes it.
pub(crate) async fn release(
    tx: &mut TenantTx,
    id: ConversationId,
    worker: Uuid,
    given_up: Option<i64>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update channel.conversations
         set answered_seq = greatest(answered_seq, coalesce($3, 0)), lease_token = null,
             lease_until = null
         where id = $1 and lease_token = $2",
    )
    .bind(id)
    .bind(worker)
    .bind(given_up)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets the last message be answered again, if it is a question without an answer.
pub(crate) async fn reopen(tx: &mut TenantTx, id: ConversationId) -> sqlx::Result<bool> {
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

fn lease() -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX),
    }
}

fn read(row: &PgRow) -> sqlx::Result<ConversationRow> {
    Ok(ConversationRow {
        id: row.try_get("id")?,
        channel_id: row.try_get("channel_id")?,
        contact_id: row.try_get("contact_id")?,
        origin: row.try_get("origin")?,
        owner: row.try_get("owner")?,
        last_seq: row.try_get("last_seq")?,
        answered_seq: row.try_get("answered_seq")?,
        answering: row.try_get("answering")?,
        created_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
            .to_jiff(),
        last_message_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("last_message_at")?
            .to_jiff(),
    })
}
