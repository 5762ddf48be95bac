//! Conversations and their transcripts, for the creator.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_ai_client::AnswerMode;
use shared_models::{ChannelId, ConversationId, MessageId, Page, PageRequest, VisitorId};
use shared_web::{Id, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::frame::SourceLine;
use crate::error::Error;
use crate::state::AppState;
use crate::store::conversations::{self, ConversationRow};
use crate::store::messages::{self, MessageRow};

/// Which conversations, and how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConversationQuery {
    /// Only those of this channel.
    channel_id: Option<ChannelId>,
    /// Rows per page, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Conversation {
    /// The conversation.
    id: ConversationId,
    /// Where it is held.
    channel_id: ChannelId,
    /// With whom.
    visitor_id: VisitorId,
    /// The web page's origin.
    origin: Option<String>,
    /// Who speaks for the creator: `bot`, `waiting` (for a person), `human`; or `closed`.
    owner: String,
    /// The number of its last message, which is how many there are.
    last_seq: i64,
    /// Whether an answer is being made.
    answering: bool,
    /// When its first message came.
    created_at: Timestamp,
    /// When its last message came.
    last_message_at: Timestamp,
}

impl From<ConversationRow> for Conversation {
    fn from(row: ConversationRow) -> Self {
        let ConversationRow {
            id,
            channel_id,
            contact_id,
            origin,
            owner,
            last_seq,
            answered_seq: _,
            answering,
            created_at,
            last_message_at,
        } = row;
        Self {
            id,
            channel_id,
            visitor_id: contact_id,
            origin,
            owner,
            last_seq,
            answering,
            created_at,
            last_message_at,
        }
    }
}

/// A message of a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Message {
    /// The message.
    pub(crate) id: MessageId,
    /// Its number in the conversation, from 1, without gaps.
    pub(crate) seq: i64,
    /// `user` or `assistant`.
    pub(crate) role: String,
    /// What was said.
    pub(crate) content: String,
    /// The question that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<i64>,
    /// How the answer was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<AnswerMode>,
    /// Whether the chat model was away.
    pub(crate) fell_back: bool,
    /// What the answer rests on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sources: Vec<SourceLine>,
    /// When it came.
    pub(crate) created_at: Timestamp,
}

impl From<MessageRow> for Message {
    fn from(row: MessageRow) -> Self {
        let MessageRow {
            id,
            seq,
            role,
            content,
            client_msg_id: _,
            reply_to,
            mode,
            fell_back,
            sources,
            created_at,
        } = row;
        Self {
            id,
            seq,
            role,
            content,
            reply_to,
            mode,
            fell_back,
            sources,
            created_at,
        }
    }
}

/// List conversations, newest first.
#[utoipa::path(get, path = "/conversations", tag = "conversations", params(ConversationQuery),
    security(("bearer" = [])),
    responses((status = 200, body = Page<Conversation>),
        (status = 401, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn list_conversations(
    State(app): State<AppState>,
    caller: Permit<permit::ConversationsRead>,
    paging: Paging,
    Query(query): Query<ConversationQuery>,
) -> Result<Json<Page<Conversation>>, Error> {
    let ConversationQuery {
        channel_id,
        limit,
        cursor,
    } = query;
    let page = PageRequest { limit, cursor };
    let window = paging.window(&page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = conversations::list(&mut tx, channel_id, window.after, window.limit + 1).await?;
    let rows = rows.into_iter().map(Conversation::from).collect();
    Ok(Json(
        paging.page(rows, window, |row: &Conversation| row.id.as_uuid()),
    ))
}

/// Read one conversation.
#[utoipa::path(get, path = "/conversations/{id}", tag = "conversations",
    params(("id" = ConversationId, Path)), security(("bearer" = [])),
    responses((status = 200, body = Conversation),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, description = "unknown_conversation", body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn read_conversation(
    State(app): State<AppState>,
    caller: Permit<permit::ConversationsRead>,
    Id(id): Id<ConversationId>,
) -> Result<Json<Conversation>, Error> {
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let row = conversations::find(&mut tx, id).await?;
    Ok(Json(row.ok_or(Error::UnknownConversation)?.into()))
}

/// Read a transcript, oldest first.
#[utoipa::path(get, path = "/conversations/{id}/messages", tag = "conversations",
    params(("id" = ConversationId, Path), PageRequest), security(("bearer" = [])),
    responses((status = 200, body = Page<Message>),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, description = "unknown_conversation", body = Problem),
        (status = 422, body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn list_messages(
    State(app): State<AppState>,
    caller: Permit<permit::ConversationsRead>,
    Id(id): Id<ConversationId>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<Message>>, Error> {
    let window = paging.window(&page)?;
    let after = window.after.map_or(0, seq_of);
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let found = conversations::find(&mut tx, id).await?;
    found.ok_or(Error::UnknownConversation)?;
    let rows = messages::after(&mut tx, id, after, window.limit + 1).await?;
    let rows = rows.into_iter().map(Message::from).collect();
    Ok(Json(paging.page(rows, window, |message: &Message| {
        cursor_of(message.seq)
    })))
}

/// A transcript is ordered by number, so its cursor carries one.
fn cursor_of(seq: i64) -> Uuid {
    Uuid::from_u128(u128::from(seq.unsigned_abs()))
}

fn seq_of(cursor: Uuid) -> i64 {
    i64::try_from(cursor.as_u128()).unwrap_or(i64::MAX)
}
