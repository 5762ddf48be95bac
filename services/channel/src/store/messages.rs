//! `channel.messages`: the database is the stream.

use jiff::Timestamp;
use shared_ai_client::{AnswerMode, Done};
use shared_db::TenantTx;
use shared_models::{ConversationId, MessageId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::frame::{ServerFrame, SourceLine};

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct MessageRow {
    pub(crate) id: MessageId,
    pub(crate) seq: i64,
    pub(crate) role: String,
    pub(crate) content: String,
    pub(crate) client_msg_id: Option<Uuid>,
    pub(crate) reply_to: Option<i64>,
    pub(crate) mode: Option<AnswerMode>,
    pub(crate) fell_back: bool,
    pub(crate) sources: Vec<SourceLine>,
    pub(crate) created_at: Timestamp,
}

impl MessageRow {
    /// The message as a socket carries it.
    pub(crate) fn line(&self) -> String {
        let frame = if self.role == "assistant" {
            ServerFrame::AiResponse {
                seq: self.seq,
                reply_to: self.reply_to,
                content: &self.content,
                sources: &self.sources,
                mode: self.mode,
                fell_back: self.fell_back,
                created_at: self.created_at,
            }
        } else {
            ServerFrame::UserMessage {
                seq: self.seq,
                client_msg_id: self.client_msg_id,
                content: &self.content,
                created_at: self.created_at,
            }
        };
        frame.line()
    }
}

/// What an answer is stored with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) reply_to: i64,
    pub(crate) content: &'a str,
    pub(crate) sources: &'a [SourceLine],
    pub(crate) done: &'a Done,
}

/// The number under which the client's message is stored already.
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

/// Stores the visitor's turn.
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
         values ($1, $2, $3, $4, 'user', $5, $6) returning *",
    )
    .bind(creator)
    .bind(MessageId::new())
    .bind(conversation)
    .bind(seq)
    .bind(content)
    .bind(client_msg_id)
    .fetch_one(tx.conn())
    .await?;
    read(&row)
}

/// Stores the assistant's turn.
pub(crate) async fn insert_answer(
    tx: &mut TenantTx,
    conversation: ConversationId,
    seq: i64,
    answer: Answer<'_>,
) -> sqlx::Result<MessageRow> {
    let Answer {
        reply_to,
        content,
        sources,
        done,
    } = answer;
    let count = |tokens: u32| i32::try_from(tokens).unwrap_or(i32::MAX);
    let creator = tx.creator();
    let row = sqlx::query(
        "insert into channel.messages
           (creator_id, id, conversation_id, seq, role, content, reply_to, mode, fell_back,
            sources, generation_id, prompt_tokens, completion_tokens)
         values ($1, $2, $3, $4, 'assistant', $5, $6, $7, $8, $9, $10, $11, $12) returning *",
    )
    .bind(creator)
    .bind(MessageId::new())
    .bind(conversation)
    .bind(seq)
    .bind(content)
    .bind(reply_to)
    .bind(done.mode.as_str())
    .bind(done.fell_back)
    .bind(Json(sources))
    .bind(done.generation_id)
    .bind(count(done.usage.prompt_tokens))
    .bind(count(done.usage.completion_tokens))
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

/// What was said before that question, oldest first: later questions are not part of it, answers
/// that were given in the meantime are.
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
        role: row.try_get("role")?,
        content: row.try_get("content")?,
        client_msg_id: row.try_get("client_msg_id")?,
        reply_to: row.try_get("reply_to")?,
        mode: mode.and_then(|mode| mode.parse().ok()),
        fell_back: row.try_get("fell_back")?,
        sources,
        created_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
            .to_jiff(),
    })
}
