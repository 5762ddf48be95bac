//! The upgrade to a WebSocket.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shared_models::ChannelId;
use shared_web::{ApiError, ClientIp, Problem, Query};

use crate::app::live::upgrade;
use crate::app::providers::web_widget::admission::Admitted;
use crate::error::Error;
use crate::state::AppState;

/// Bytes that a connection reads at once. With the default, a connection takes 130 KB of memory
/// instead of 6.
const READ_BUFFER_SIZE: usize = 4096;
/// Largest message of a client, bytes.
const MAX_MESSAGE_SIZE: usize = 64 * 1024;

/// The session, and the messages that the client already has.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SocketQuery {
    /// The session token.
    token: String,
    /// The number of the last message that the client has: later messages are sent first.
    #[param(minimum = 0)]
    since: Option<i64>,
}

/// Open the conversation's WebSocket.
///
/// Frames are JSON objects with a `type`. The client sends `user_message`
/// `{client_msg_id, content}`, `stop` `{reply_to}`, `retry` and `ping`; the service sends `status`,
/// `ack` `{client_msg_id, seq}`, `ai_start`, `ai_sources`, `ai_delta` `{text}`, `ai_response`
/// `{seq, content, sources, mode, fell_back, truncated, stopped}`, `user_message` (from other
/// sockets, and after a reconnect), `error` `{code, message}` and `pong`.
///
/// `stop` ends the answer to a question: what it said so far is stored as its `ai_response`, and
/// without a text the `error` is `answer_stopped`. For an answer that has ended it has no effect.
///
/// Close codes: 4401 renew the session first; 4403 stop; 4408 too far behind, resume; 1008 too
/// many invalid or too frequent frames; 1009 a frame above 64 KiB; 1012 and 1013 reconnect after a
/// jittered wait. An upgrade is refused with 429 (`too_many_sockets`) while a visitor, an address,
/// a channel, an account or the process has as many sockets as it may.
#[utoipa::path(get, path = "/widget/{channel_id}/socket", tag = "widget",
    params(("channel_id" = ChannelId, Path), SocketQuery),
    responses((status = 101, description = "switching to WebSocket"),
        (status = 400, body = Problem),
        (status = 403, description = "origin_not_allowed", body = Problem),
        (status = 422, body = Problem),
        (status = 426, description = "upgrade_required", body = Problem),
        (status = 429, description = "too_many_sockets", body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn open_socket(
    State(app): State<AppState>,
    admitted: Admitted,
    address: ClientIp,
    Query(query): Query<SocketQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let upgrade = upgrade
        .map_err(|rejection| {
            ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required")
                .detail(rejection.body_text())
        })?
        .read_buffer_size(READ_BUFFER_SIZE)
        .max_message_size(MAX_MESSAGE_SIZE)
        .max_frame_size(MAX_MESSAGE_SIZE);
    let pending = upgrade::prepare(&app, &admitted, address.network(), &query.token)?;
    let since = query.since.unwrap_or(0).max(0);
    Ok(upgrade.on_upgrade(move |socket| app.tasks.track_future(pending.serve(since, socket))))
}
