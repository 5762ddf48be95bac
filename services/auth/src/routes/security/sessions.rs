//! The sign-ins of the signed-in person: see them, end one, end all.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use shared_auth::Subject;
use shared_models::{Page, PageRequest, SessionId};
use shared_web::{Caller, ClientIp, Id, Paging, Problem, Query};
use utoipa::ToSchema;

use super::refusals::{TokenRefused, Unavailable};
use crate::audit::{self, Action, Event};
use crate::domain::device_name::device_name;
use crate::ending;
use crate::error::{Denied, Error};
use crate::state::AppState;
use crate::store::session_list::{self, SessionRow};
use crate::store::sessions::Revocation;

/// A sign-in on a device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    id: SessionId,
    #[schema(example = "Firefox on Windows")]
    device: String,
    user_agent: Option<String>,
    /// Where it began.
    #[schema(example = "203.0.113.7")]
    ip: String,
    created_at: Timestamp,
    /// When its tokens were renewed last.
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

impl Session {
    fn of(row: SessionRow, current: SessionId) -> Self {
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

/// List where you are signed in, newest first.
#[utoipa::path(get, path = "/sessions", tag = "sessions", security(("bearer" = [])),
    params(PageRequest),
    responses(
        (status = 200, description = "The open sessions of the signed-in person",
            body = Page<Session>),
        (status = 422, description = "invalid_query: `limit` or `cursor`", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn list_sessions(
    State(app): State<AppState>,
    caller: Caller,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<Session>>, Error> {
    let (user, _, current) = caller.user()?;
    let window = paging.window(&page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = session_list::list(&mut tx, user, window.after, window.limit + 1).await?;
    let sessions: Vec<_> = rows
        .into_iter()
        .map(|row| Session::of(row, current))
        .collect();
    Ok(Json(paging.page(sessions, window, |one| one.id.as_uuid())))
}

/// End one session.
///
/// Its refresh token opens nothing any more, and within a second neither does its access token.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", security(("bearer" = [])),
    params(("id" = SessionId, Path)),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 400, description = "malformed_id", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "unknown_session: none of yours that is open",
            body = Problem, content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn revoke_session(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
    Id(id): Id<SessionId>,
) -> Result<StatusCode, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !session_list::revoke_own(&mut tx, user, id).await? {
        return Err(Denied::UnknownSession.into());
    }
    let ended = Event::new((&caller.principal).into(), Action::SessionRevoked, ip).on(id);
    audit::append(&mut tx, ended).await?;
    tx.commit().await?;
    ending::tell_surely(&app, &[Subject::Session(id)]).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out everywhere, here too.
#[utoipa::path(post, path = "/logout-all", tag = "sessions", security(("bearer" = [])),
    responses(
        (status = 204, description = "Every session of the signed-in person has ended"),
        TokenRefused, Unavailable))]
pub(crate) async fn logout_all(
    State(app): State<AppState>,
    caller: Caller,
    ip: ClientIp,
) -> Result<StatusCode, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    session_list::revoke_all(&mut tx, user, None, Revocation::LogoutAll).await?;
    let ended = Event::new((&caller.principal).into(), Action::SessionsRevoked, ip).on(user);
    audit::append(&mut tx, ended).await?;
    tx.commit().await?;
    ending::tell(&app, &[Subject::User(user)]).await?;
    Ok(StatusCode::NO_CONTENT)
}
