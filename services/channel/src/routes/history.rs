//! A visitor's own conversation, read without a socket.

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use shared_models::page::{BadPage, DEFAULT_LIMIT, MAX_LIMIT};
use shared_models::{ChannelId, ConversationId};
use shared_web::auth::bearer;
use shared_web::{Problem, Query};
use utoipa::ToSchema;

use super::admission::Admitted;
use super::conversations::Message;
use crate::domain::visitor_token::{BadToken, SessionClaims};
use crate::error::Error;
use crate::state::AppState;
use crate::store::{conversations, messages};

/// Where to read on.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// The number of the last message that is known; 0 when absent.
    #[param(minimum = 0)]
    after_seq: Option<i64>,
    /// Messages, 1 to 100; 20 when absent.
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
    /// The number of the conversation's last message: read on until it is reached.
    last_seq: i64,
}

/// Read a visitor's conversation with the session's token.
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
    let session = app.tokens.session(token).map_err(Error::Session)?;
    belongs(&session, &admitted).map_err(Error::Session)?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(BadPage::Limit.into());
    }
    let after = query.after_seq.unwrap_or(0).max(0);
    let mut tx = app.db.tenant_read(session.creator).await?;
    let row = conversations::find(&mut tx, session.conversation).await?;
    let rows = messages::after(&mut tx, session.conversation, after, limit).await?;
    Ok(Json(History {
        conversation_id: session.conversation,
        items: rows.into_iter().map(Message::from).collect(),
        last_seq: row.map_or(0, |row| row.last_seq),
    }))
}

/// A token is good for its own widget, on pages of its own origin.
pub(crate) fn belongs(session: &SessionClaims, admitted: &Admitted) -> Result<(), BadToken> {
    let other_page = |origin: &String| *origin != session.origin;
    let other = session.channel != admitted.channel
        || session.creator != admitted.widget.creator
        || admitted.origin.as_ref().is_some_and(other_page);
    if other {
        Err(BadToken::Invalid)
    } else {
        Ok(())
    }
}
