//! Renewal of a session's tokens, and sign-out.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_web::{ApiError, Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use super::session_response::Tokens;
use crate::app::sign_in::refresh;
use crate::domain::refresh_token::RefreshToken;
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, LimitErrors, UnavailableErrors};
use crate::routes::response::NoStore;
use crate::state::AppState;

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    refresh_token: String,
}

/// The session to end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogoutRequest {
    /// Its refresh token; without one, the session of the bearer token ends.
    refresh_token: Option<String>,
}

/// Renew the tokens.
///
/// Each refresh token is used once. Sent again within ten seconds it returns the same successor, so
/// that concurrent requests share one session; sent again later, it ends the session.
#[utoipa::path(post, path = "/refresh", tag = "sign-in", request_body = RefreshRequest,
    responses(
        (status = 200, description = "New tokens", body = Tokens),
        (status = 401, description = "invalid_refresh_token", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "tenant_suspended; or email_unverified, where the platform
            requires a verified address", body = Problem,
            content_type = "application/problem+json"),
        BodyErrors, LimitErrors, UnavailableErrors))]
pub(crate) async fn refresh(
    State(app): State<AppState>,
    ip: ClientIp,
    Body(request): Body<RefreshRequest>,
) -> Result<NoStore<Tokens>, Error> {
    let token = RefreshToken::received(request.refresh_token);
    let tokens = refresh::refresh(&app, &token, ip).await?;
    Ok(NoStore(StatusCode::OK, tokens.into()))
}

/// Sign out.
///
/// Ends the session of the refresh token in the body, or else that of the bearer token. A refresh
/// token without an open session is not an error.
#[utoipa::path(post, path = "/logout", tag = "sign-in", request_body = Option<LogoutRequest>,
    security((), ("bearer" = [])),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "missing_token, invalid_token or expired_token, if there is
            no refresh token", body = Problem, content_type = "application/problem+json"),
        BodyErrors, UnavailableErrors))]
pub(crate) async fn logout(
    State(app): State<AppState>,
    ip: ClientIp,
    caller: Result<Caller, ApiError>,
    body: Option<Body<LogoutRequest>>,
) -> Result<StatusCode, Error> {
    if let Some(text) = body.and_then(|Body(request)| request.refresh_token) {
        refresh::logout_by_token(&app, &RefreshToken::received(text), ip).await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let caller = match caller {
        // The session has ended already, which is what the request asks for.
        Err(error) if error.code() == "session_ended" => return Ok(StatusCode::NO_CONTENT),
        caller => caller?,
    };
    let (_, _, session) = caller.user()?;
    refresh::logout(&app, caller.tenant, session, ip).await?;
    Ok(StatusCode::NO_CONTENT)
}
