//! The sessions of the signed-in user: listed and revoked.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use shared_models::{Page, PageRequest, SessionId};
use shared_web::{Caller, ClientIp, Id, Paging, Problem, Query};
use utoipa::ToSchema;

use crate::app::security::sessions::{self, SessionRow};
use crate::domain::device::device_name;
use crate::error::Error;
use crate::routes::openapi_responses::{TokenErrors, UnavailableErrors};
use crate::state::AppState;

/// A sign-in on a device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    id: SessionId,
    #[schema(example = "Firefox on Windows")]
    device: String,
    user_agent: Option<String>,
    /// The address of the sign-in.
    #[schema(example = "203.0.113.7")]
    ip: String,
    created_at: Timestamp,
    /// When the tokens were last renewed.
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    /// Whether this session has sent the request.
    current: bool,
}

impl Session {
    fn new(row: SessionRow, current: SessionId) -> Self {
        let SessionRow {
            id,
            user_agent,
            ip,
            created_at,
            last_seen_at,
            expires_at,
        } = row;
        Self {
            id,
            device: device_name(user_agent.as_deref()),
            user_agent,
            ip,
            created_at,
            last_seen_at,
            expires_at,
            current: id == current,
        }
    }
}

/// List your open sessions, newest first.
#[utoipa::path(get, path = "/sessions", tag = "sessions", security(("bearer" = [])),
    params(PageRequest),
    responses(
        (status = 200, description = "The open sessions of the signed-in user",
            body = Page<Session>),
        (status = 422, description = "invalid_query: `limit` or `cursor`", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn list_sessions(
    State(app): State<AppState>,
    caller: Caller,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<Session>>, Error> {
    let (_, _, current) = caller.user()?;
    let rows = sessions::list(&app, &caller, &paging, &page).await?;
    let new = |row| Session::new(row, current);
    Ok(Json(Page {
        items: rows.items.into_iter().map(new).collect(),
        next_cursor: rows.next_cursor,
    }))
}

/// End one session.
///
/// Its refresh token is invalid at once, and its access token within a second.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", security(("bearer" = [])),
    params(("id" = SessionId, Path)),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 400, description = "malformed_id", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "unknown_session: you have no such open session",
            body = Problem, content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn revoke_session(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Id(id): Id<SessionId>,
) -> Result<StatusCode, Error> {
    sessions::revoke(&app, &caller, ip, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out everywhere, including this session.
#[utoipa::path(post, path = "/logout-all", tag = "sessions", security(("bearer" = [])),
    responses(
        (status = 204, description = "All sessions of the signed-in user have ended"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn logout_all(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
) -> Result<StatusCode, Error> {
    sessions::revoke_all(&app, &caller, ip).await?;
    Ok(StatusCode::NO_CONTENT)
}
