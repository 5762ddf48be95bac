//! `channel.messages`. Sockets that miss an event read the messages from here.

use jiff::Timestamp;
use shared_ai_client::{AnswerMode, Done};
use shared_db::TenantTx;
use shared_models::{ConversationId, MessageId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::parse_column;
use crate::domain::conversation::MessageRole;
use crate::domain::frame::{CitedSource, ServerFrame};

#[derive(Debug, Clone)]
pub(crate) struct MessageRow {
    pub(crate) id: MessageId,
    pub(crate) seq: i64,
    pub(crate) role: MessageRole,
    pub(crate) content: String,
    pub(crate) client_msg_id: Option<Uuid>,
    pub(crate) reply_to: Option<i64>,
    pub(crate) mode: Option<AnswerMode>,
    pub(crate) fell_back: bool,
    /// Whether the answer reached the limit of its length.
    pub(crate) truncated: bool,
    /// Whether the visitor stopped the answer.
    pub(crate) stopped: bool,
    pub(crate) sources: Vec<CitedSource>,
    pub(crate) created_at: Timestamp,
}

impl MessageRow {
    /// The message as a frame of a socket.
    pub(crate) fn to_json(&self) -> String {
        let frame = match self.role {
            MessageRole::Assistant => ServerFrame::AiResponse {
                seq: self.seq,
                reply_to: self.reply_to,
                content: &self.content,
                sources: &self.sources,
                mode: self.mode,
                fell_back: self.fell_back,
                truncated: self.truncated,
                stopped: self.stopped,
                created_at: self.created_at,
            },
            MessageRole::User => ServerFrame::UserMessage {
                seq: self.seq,
                client_msg_id: self.client_msg_id,
                content: &self.content,
                created_at: self.created_at,
            },
        };
        frame.to_json()
    }
}

/// An answer to store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewAnswer<'a> {
    pub(crate) reply_to: i64,
    pub(crate) content: &'a str,
    pub(crate) sources: &'a [CitedSource],
    /// How ai-engine completed it; `None` when the visitor stopped it.
    pub(crate) done: Option<&'a Done>,
}

/// The number of a message that is already stored under the client's id.
pub(crate) async fn find_client_message(
    tx: &mut TenantTx,
    conversation: ConversationId,
    client_msg_id: Uuid,
) -> sqlx::Result<Option<i64>> {
    sqlx::query(
        "select seq from channel.messages where conversation_id = $1 and client_msg_id = $2",
    )
    .bind(conversation)
    .bind(client_msg_id)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| row.try_get("seq"))
    .transpose()
}

/// Stores a visitor's message.
pub(crate) async fn insert_question(
    tx: &mut TenantTx,
    conversation: ConversationId,
    seq: i64,
    client_msg_id: Uuid,
    content: &str,
) -> sqlx::Result<MessageRow> {
    let creator = tx.creator();
    let row = sqlx::query(
        "insert into channel.messages
           (creator_id, id, conversation_id, seq, role, content, client_msg_id)
         values ($1, $2, $3, $4, $5, $6, $7) returning *",
    )
    .bind(creator)
    .bind(MessageId::new())
    .bind(conversation)
    .bind(seq)
    .bind(MessageRole::User.as_str())
    .bind(content)
    .bind(client_msg_id)
    .fetch_one(tx.conn())
    .await?;
    read(&row)
}

/// Stores an answer of the assistant.
pub(crate) async fn insert_answer(
    tx: &mut TenantTx,
    conversation: ConversationId,
    seq: i64,
    answer: NewAnswer<'_>,
) -> sqlx::Result<MessageRow> {
    let NewAnswer {
        reply_to,
        content,
        sources,
        done,
    } = answer;
    let usage = done.map(|done| done.usage).unwrap_or_default();
    let count = |tokens: u32| i32::try_from(tokens).unwrap_or(i32::MAX);
    let creator = tx.creator();
    let row = sqlx::query(
        "insert into channel.messages
           (creator_id, id, conversation_id, seq, role, content, reply_to, mode, fell_back,
            sources, generation_id, prompt_tokens, completion_tokens, truncated, stopped)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) returning *",
    )
    .bind(creator)
    .bind(MessageId::new())
    .bind(conversation)
    .bind(seq)
    .bind(MessageRole::Assistant.as_str())
    .bind(content)
    .bind(reply_to)
    .bind(done.map(|done| done.mode.as_str()))
    .bind(done.is_some_and(|done| done.fell_back))
    .bind(Json(sources))
    .bind(done.map(|done| done.generation_id))
    .bind(count(usage.prompt_tokens))
    .bind(count(usage.completion_tokens))
    .bind(done.is_some_and(|done| done.truncated))
    .bind(done.is_none())
    .fetch_one(tx.conn())
    .await?;
    read(&row)
}

/// Up to `limit` messages after that number, oldest first.
pub(crate) async fn after(
    tx: &mut TenantTx,
    conversation: ConversationId,
    after_seq: i64,
    limit: i64,
) -> sqlx::Result<Vec<MessageRow>> {
    let rows = sqlx::query(
        "select * from channel.messages where conversation_id = $1 and seq > $2
         order by seq limit $3",
    )
    .bind(conversation)
    .bind(after_seq)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

/// The messages before a question, oldest first. Later questions are excluded; answers that were
/// given in the meantime are included.
pub(crate) async fn before(
    tx: &mut TenantTx,
    conversation: ConversationId,
    question_seq: i64,
    limit: i64,
) -> sqlx::Result<Vec<MessageRow>> {
    let rows = sqlx::query(
        "select * from (
           select * from channel.messages
           where conversation_id = $1 and (role = 'assistant' or seq < $2)
           order by seq desc limit $3) recent
         order by seq",
    )
    .bind(conversation)
    .bind(question_seq)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

fn read(row: &PgRow) -> sqlx::Result<MessageRow> {
    let Json(sources) = row.try_get("sources")?;
    let mode: Option<String> = row.try_get("mode")?;
    Ok(MessageRow {
        id: row.try_get("id")?,
        seq: row.try_get("seq")?,
        role: parse_column(row, "role")?,
        content: row.try_get("content")?,
        client_msg_id: row.try_get("client_msg_id")?,
        reply_to: row.try_get("reply_to")?,
        mode: mode.and_then(|mode| mode.parse().ok()),
        fell_back: row.try_get("fell_back")?,
        truncated: row.try_get("truncated")?,
        stopped: row.try_get("stopped")?,
        sources,
        created_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
            .to_jiff(),
    })
}
