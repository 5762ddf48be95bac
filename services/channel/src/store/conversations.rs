//! `channel.conversations`.

use jiff::Timestamp;
use shared_ai_client::PolicyKind;
use shared_db::{Db, TenantTx};
use shared_models::{ChannelId, ConversationId, CreatorId, VisitorId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::parse_column;
use crate::domain::conversation::HandledBy;
use crate::domain::visitor_token::SessionClaims;

#[derive(Debug, Clone)]
pub(crate) struct ConversationRow {
    pub(crate) id: ConversationId,
    pub(crate) channel_id: ChannelId,
    pub(crate) contact_id: VisitorId,
    pub(crate) origin: Option<String>,
    pub(crate) handled_by: HandledBy,
    /// Why it waits for a person; it stays after one has taken over.
    pub(crate) waiting: Option<Waiting>,
    pub(crate) last_seq: i64,
    /// The last question that needs no answer any more.
    pub(crate) answered_seq: i64,
    /// Whether a worker holds the lease on the next answer.
    pub(crate) answering: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) last_message_at: Timestamp,
}

/// Why and since when a conversation waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) reason: PolicyKind,
    /// The name of the topic.
    pub(crate) topic: Option<String>,
    pub(crate) since: Timestamp,
}

/// Which conversations to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ConversationFilter {
    pub(crate) channel: Option<ChannelId>,
    pub(crate) handled_by: Option<HandledBy>,
}

/// Up to `limit` conversations after that one, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    filter: ConversationFilter,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ConversationRow>> {
    let rows = sqlx::query(
        "select *, coalesce(lease_until > now(), false) as answering from channel.conversations
         where ($1::uuid is null or channel_id = $1) and ($2::uuid is null or id < $2)
           and ($4::text is null or owner = $4)
         order by id desc limit $3",
    )
    .bind(filter.channel)
    .bind(after)
    .bind(limit)
    .bind(filter.handled_by.map(HandledBy::as_str))
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

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

/// Whether a conversation is closed, without a transaction around it. The function runs as its
/// caller and sees what a transaction of the tenant would see.
pub(crate) async fn is_closed(
    db: &Db,
    tenant: CreatorId,
    id: ConversationId,
) -> sqlx::Result<bool> {
    let sql = "select channel.is_conversation_closed($1, $2)";
    let row = db
        .look_up(|| sqlx::query(sql).bind(tenant).bind(id))
        .await?;
    row.map_or(Ok(false), |row| row.try_get(0))
}

/// Gives a conversation that waits for a person back to the assistant. Returns false if it does not
/// wait.
pub(crate) async fn hand_back(tx: &mut TenantTx, id: ConversationId) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update channel.conversations
         set owner = 'bot', waiting_reason = null, waiting_topic = null, waiting_since = null
         where id = $1 and owner = 'waiting'",
    )
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds the conversation of a session, unless it is known.
pub(crate) async fn insert(tx: &mut TenantTx, session: &SessionClaims) -> sqlx::Result<()> {
    let creator = tx.creator();
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

/// The next message number, unless the conversation is closed or missing. The row stays locked
/// until the transaction ends, so numbers are committed in order and without gaps.
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

fn read_waiting(row: &PgRow) -> sqlx::Result<Option<Waiting>> {
    let since: Option<jiff_sqlx::Timestamp> = row.try_get("waiting_since")?;
    let Some(since) = since else { return Ok(None) };
    Ok(Some(Waiting {
        reason: parse_column(row, "waiting_reason")?,
        topic: row.try_get("waiting_topic")?,
        since: since.to_jiff(),
    }))
}

fn read(row: &PgRow) -> sqlx::Result<ConversationRow> {
    Ok(ConversationRow {
        id: row.try_get("id")?,
        channel_id: row.try_get("channel_id")?,
        contact_id: row.try_get("contact_id")?,
        origin: row.try_get("origin")?,
        handled_by: parse_column(row, "owner")?,
        waiting: read_waiting(row)?,
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
