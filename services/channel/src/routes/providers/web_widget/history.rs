//! A visitor's own conversation, read without a socket.

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use shared_models::{ChannelId, ConversationId};
use shared_web::auth::bearer;
use shared_web::{Problem, Query};
use utoipa::ToSchema;

use crate::app::providers::web_widget::admission::Admitted;
use crate::app::providers::web_widget::history::{self, HistoryPage};
use crate::error::Error;
use crate::routes::conversations::messages::Message;
use crate::state::AppState;

/// The part of the conversation to read.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// The number of the last message that the client has; defaults to 0.
    #[param(minimum = 0)]
    after_seq: Option<i64>,
    /// Number of messages, 1 to 100; defaults to 20.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
}

/// Part of a conversation, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    /// The conversation.
    conversation_id: ConversationId,
    /// The messages after the given number.
    items: Vec<Message>,
    /// The number of the conversation's last message: continue until it is reached.
    last_seq: i64,
}

impl From<HistoryPage> for History {
    fn from(page: HistoryPage) -> Self {
        Self {
            conversation_id: page.conversation,
            items: page.messages.into_iter().map(Message::from).collect(),
            last_seq: page.last_seq,
        }
    }
}

/// Read the visitor's conversation with the session token.
#[utoipa::path(get, path = "/widget/{channel_id}/history", tag = "widget",
    params(("channel_id" = ChannelId, Path), HistoryQuery), security(("bearer" = [])),
    responses((status = 200, body = History),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, description = "origin_not_allowed", body = Problem),
        (status = 422, body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn read_history(
    State(app): State<AppState>,
    admitted: Admitted,
    parts: Parts,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<History>, Error> {
    let token = bearer(&parts).ok_or(Error::NoSession)?;
    let page = history::read(&app, &admitted, token, query.after_seq, query.limit).await?;
    Ok(Json(page.into()))
}
