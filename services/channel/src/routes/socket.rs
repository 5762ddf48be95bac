//! The upgrade to a WebSocket. What is wrong with a token is told by a close code, since a page
//! cannot see the status of a refused upgrade.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shared_models::ChannelId;
use shared_web::{ApiError, Problem, Query};

use super::admission::Admitted;
use super::history::belongs;
use crate::domain::visitor_token::BadToken;
use crate::error::Error;
use crate::live::socket::{self, Close};
use crate::state::AppState;

/// Bytes that a connection reads at once: with the default, one costs 130 KB instead of 6.
const READ_BUFFER: usize = 4096;
/// Largest message of a client, bytes.
const MAX_MESSAGE: usize = 64 * 1024;

/// Who connects, and what is known already.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SocketQuery {
    /// The session's token.
    token: String,
    /// The number of the last message that is known: what came after it is sent first.
    #[param(minimum = 0)]
    since: Option<i64>,
}

/// Connect. Frames are JSON objects with a `type`. The client sends `user_message`
/// `{client_msg_id, content}`, `retry` and `ping`; the service sends `status`, `ack`
/// `{client_msg_id, seq}`, `ai_start`, `ai_sources`, `ai_delta` `{text}`, `ai_response` `{seq,
/// content, sources, mode, fell_back}`, `user_message` (of other sockets, and on a resume),
/// `error` `{code, message}` and `pong`.
///
/// Close codes: 4401 renew the session first; 4403 stop; 4408 fell behind, resume; 4429 too many
/// connections; 1009 a frame above 64 KiB; 1012 and 1013 connect again after a jittered wait.
#[utoipa::path(get, path = "/widget/{channel_id}/socket", tag = "widget",
    params(("channel_id" = ChannelId, Path), SocketQuery),
    responses((status = 101, description = "switching to WebSocket"),
        (status = 400, body = Problem),
        (status = 403, description = "origin_not_allowed", body = Problem),
        (status = 422, body = Problem),
        (status = 426, description = "upgrade_required", body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn open_socket(
    State(app): State<AppState>,
    admitted: Admitted,
    Query(query): Query<SocketQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let upgrade = upgrade.map_err(|rejection| {
        ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required")
            .detail(rejection.body_text())
    })?;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE);
    let session = app
        .tokens
        .session(&query.token)
        .map_err(close_of)
        .and_then(|session| {
            let here = belongs(&session, &admitted);
            here.map(|()| session).map_err(|_| socket::FORBIDDEN)
        });
    let since = query.since.unwrap_or(0).max(0);
    let tasks = app.tasks.clone();
    Ok(upgrade.on_upgrade(move |socket| {
        tasks.track_future(async move {
            match session {
                Ok(session) => socket::run(app, session, since, socket).await,
                Err(close) => socket::turn_away(socket, close).await,
            }
        })
    }))
}

/// Either way a new session is what helps.
const fn close_of(_: BadToken) -> Close {
    socket::EXPIRED
}
