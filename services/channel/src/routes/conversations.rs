//! Conversations, for the creator.

pub(crate) mod messages;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::{ChannelId, ConversationId, Page, PageRequest, VisitorId};
use shared_web::{Id, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;

use crate::app::conversations::{self, ConversationRow};
use crate::error::Error;
use crate::state::AppState;

/// The conversations to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConversationQuery {
    /// Only conversations of this channel.
    channel_id: Option<ChannelId>,
    /// Rows per page, 1 to 100; defaults to 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Conversation {
    /// The conversation.
    id: ConversationId,
    /// The conversation's channel.
    channel_id: ChannelId,
    /// The visitor.
    visitor_id: VisitorId,
    /// The origin of the visitor's page.
    origin: Option<String>,
    /// Who replies for the creator: `bot`, `waiting` (for a person) or `human`; or `closed`.
    #[schema(value_type = String)]
    owner: &'static str,
    /// The number of the last message, which is the number of messages.
    last_seq: i64,
    /// Whether an answer is being generated.
    answering: bool,
    /// When the first message was received.
    created_at: Timestamp,
    /// When the last message was received or sent.
    last_message_at: Timestamp,
}

impl From<ConversationRow> for Conversation {
    fn from(row: ConversationRow) -> Self {
        let ConversationRow {
            id,
            channel_id,
            contact_id,
            origin,
            handled_by,
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
            owner: handled_by.as_str(),
            last_seq,
            answering,
            created_at,
            last_message_at,
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
    let rows = conversations::list(
        &app,
        caller.tenant,
        channel_id,
        window.after,
        window.limit + 1,
    )
    .await?;
    let listed = rows.into_iter().map(Conversation::from).collect();
    Ok(Json(paging.page(listed, window, |row: &Conversation| {
        row.id.as_uuid()
    })))
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
    let row = conversations::find(&app, caller.tenant, id).await?;
    Ok(Json(row.into()))
}
