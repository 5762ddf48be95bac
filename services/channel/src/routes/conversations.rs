//! Conversations, for the creator.

pub(crate) mod messages;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_ai_client::PolicyKind;
use shared_models::{ChannelId, ConversationId, Page, PageRequest, VisitorId};
use shared_web::{Body, Id, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;

use crate::app::conversations::{self, ConversationFilter, ConversationRow, Waiting};
use crate::domain::conversation::HandledBy;
use crate::error::Error;
use crate::state::AppState;

/// The conversations to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConversationQuery {
    /// Only conversations of this channel.
    channel_id: Option<ChannelId>,
    /// Only conversations that are handled so: `waiting` for those that wait for a person.
    owner: Option<Owner>,
    /// Rows per page, 1 to 100; defaults to 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// Who replies for the creator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Owner {
    /// The assistant.
    Bot,
    /// The assistant, until a person takes over.
    Waiting,
    /// A person.
    Human,
    /// The conversation is over.
    Closed,
}

impl From<Owner> for HandledBy {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Bot => Self::Bot,
            Owner::Waiting => Self::Waiting,
            Owner::Human => Self::Human,
            Owner::Closed => Self::Closed,
        }
    }
}

impl From<HandledBy> for Owner {
    fn from(handled_by: HandledBy) -> Self {
        match handled_by {
            HandledBy::Bot => Self::Bot,
            HandledBy::Waiting => Self::Waiting,
            HandledBy::Human => Self::Human,
            HandledBy::Closed => Self::Closed,
        }
    }
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
    /// Who replies for the creator.
    owner: Owner,
    /// The policy because of which it waits for a person, or did until one took over.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_reason: Option<PolicyKind>,
    /// The name of the topic whose policy it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_topic: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_since: Option<Timestamp>,
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
            waiting,
            last_seq,
            answered_seq: _,
            answering,
            created_at,
            last_message_at,
        } = row;
        let (reason, topic, since) = match waiting {
            Some(Waiting {
                reason,
                topic,
                since,
            }) => (Some(reason), topic, Some(since)),
            None => (None, None, None),
        };
        Self {
            id,
            channel_id,
            visitor_id: contact_id,
            origin,
            owner: handled_by.into(),
            waiting_reason: reason,
            waiting_topic: topic,
            waiting_since: since,
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
        owner,
        limit,
        cursor,
    } = query;
    let filter = ConversationFilter {
        channel: channel_id,
        handled_by: owner.map(HandledBy::from),
    };
    let page = PageRequest { limit, cursor };
    let window = paging.window(&page)?;
    let limit = window.limit + 1;
    let rows = conversations::list(&app, caller.tenant, filter, window.after, limit).await?;
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

/// What to change of a conversation.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConversationChange {
    /// Who shall reply.
    owner: NewOwner,
}

/// Who shall reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NewOwner {
    /// The assistant, as before the conversation waited for a person.
    Bot,
}

/// Give a conversation that waits for a person back to the assistant.
#[utoipa::path(patch, path = "/conversations/{id}", tag = "conversations",
    params(("id" = ConversationId, Path)), security(("bearer" = [])),
    request_body = ConversationChange,
    responses((status = 200, body = Conversation),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, description = "unknown_conversation", body = Problem),
        (status = 409, description = "not_waiting", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn update_conversation(
    State(app): State<AppState>,
    caller: Permit<permit::ConversationsWrite>,
    Id(id): Id<ConversationId>,
    Body(change): Body<ConversationChange>,
) -> Result<Json<Conversation>, Error> {
    let row = match change.owner {
        NewOwner::Bot => conversations::hand_back(&app, caller.tenant, id).await?,
    };
    Ok(Json(row.into()))
}
