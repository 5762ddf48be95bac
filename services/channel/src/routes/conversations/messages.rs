//! Transcripts, for the creator.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use shared_ai_client::AnswerMode;
use shared_models::{ConversationId, MessageId, Page, PageRequest};
use shared_web::{Id, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::conversations::{self, MessageRow};
use crate::domain::frame::CitedSource;
use crate::error::Error;
use crate::state::AppState;

/// A message of a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Message {
    /// The message.
    pub(crate) id: MessageId,
    /// The message's number in the conversation: from 1, without gaps.
    pub(crate) seq: i64,
    /// `user` or `assistant`.
    #[schema(value_type = String)]
    pub(crate) role: &'static str,
    /// The message text.
    pub(crate) content: String,
    /// The number of the question that the message answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<i64>,
    /// How the answer was generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<AnswerMode>,
    /// Whether the chat model was unavailable or slow, or wrote nothing that the sources support.
    pub(crate) fell_back: bool,
    /// Whether the answer reached the limit of its length.
    pub(crate) truncated: bool,
    /// Whether the visitor stopped the answer; the text is what they had seen by then.
    pub(crate) stopped: bool,
    /// The sources of the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sources: Vec<CitedSource>,
    /// When the message was stored.
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
            truncated,
            stopped,
            sources,
            created_at,
        } = row;
        Self {
            id,
            seq,
            role: role.as_str(),
            content,
            reply_to,
            mode,
            fell_back,
            truncated,
            stopped,
            sources,
            created_at,
        }
    }
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
    let limit = window.limit + 1;
    let rows = conversations::transcript(&app, caller.tenant, id, after, limit).await?;
    let listed = rows.into_iter().map(Message::from).collect();
    Ok(Json(paging.page(listed, window, |message: &Message| {
        cursor_of(message.seq)
    })))
}

/// A transcript is ordered by number, so its cursor is a number in the form of a UUID.
fn cursor_of(seq: i64) -> Uuid {
    Uuid::from_u128(u128::from(seq.unsigned_abs()))
}

fn seq_of(cursor: Uuid) -> i64 {
    i64::try_from(cursor.as_u128()).unwrap_or(i64::MAX)
}
