//! Renewing a session, and ending it.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_auth::Subject;
use shared_db::TenantTx;
use shared_models::{CreatorId, SessionId};
use shared_web::{ApiError, Body, Caller, ClientIp, Problem};
use utoipa::ToSchema;

use super::answer::{Confidential, Tokens, identity};
use super::refusals::{BodyRefused, Limited, Unavailable};
use crate::audit::{self, Action, Actor, Event};
use crate::domain::refresh_token::RefreshToken;
use crate::ending;
use crate::error::{Denied, Error};
use crate::limits;
use crate::state::AppState;
use crate::store::directory::{self, TokenOwner};
use crate::store::refresh_tokens::{self, TokenState};
use crate::store::sessions::{self, Revocation};
use crate::store::{tenants, users};

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    refresh_token: String,
}

/// Which session to end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogoutRequest {
    /// Its refresh token; without one, the session of the bearer token ends.
    refresh_token: Option<String>,
}

/// Renew the tokens.
///
/// Each refresh token is used once. Sent again within ten seconds it gives the same successor, so
/// that requests side by side share one session; sent again later, it ends the session.
#[utoipa::path(post, path = "/refresh", tag = "sign-in", request_body = RefreshRequest,
    responses(
        (status = 200, description = "New tokens", body = Tokens),
        (status = 401, description = "invalid_refresh_token", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "tenant_suspended; email_unverified, where the platform asks
            for that", body = Problem, content_type = "application/problem+json"),
        BodyRefused, Limited, Unavailable))]
pub(crate) async fn refresh(
    State(app): State<AppState>,
    ip: ClientIp,
    Body(request): Body<RefreshRequest>,
) -> Result<Confidential<Tokens>, Error> {
    limits::take(&app.cache, limits::REFRESH, &limits::address(ip)).await?;
    let received = RefreshToken::received(request.refresh_token);
    let owner = owner_of(&app, &received)
        .await?
        .ok_or_else(|| refused("unknown"))?;
    let mut tx = app.db.tenant(owner.creator).await?;
    let tokens = rotate(&app, &mut tx, owner.session, &received, ip).await;
    // A refusal may have ended the session: that must last, too.
    if matches!(tokens, Ok(_) | Err(Error::RefreshTokenReused)) {
        tx.commit().await?;
    }
    if matches!(tokens, Err(Error::RefreshTokenReused)) {
        ending::tell_surely(&app, &[Subject::Session(owner.session)]).await;
    }
    Ok(Confidential(StatusCode::OK, tokens?))
}

async fn owner_of(app: &AppState, token: &RefreshToken) -> Result<Option<TokenOwner>, Error> {
    Ok(directory::find_refresh_token(&app.db, &token.hash()).await?)
}

/// Gives the successor of a token, the same one to all who ask side by side.
async fn rotate(
    app: &AppState,
    tx: &mut TenantTx,
    session: SessionId,
    received: &RefreshToken,
    ip: ClientIp,
) -> Result<Tokens, Error> {
    let hash = received.hash();
    let mut token = refresh_tokens::find(tx, session, &hash).await?;
    if token.is_some_and(|token| token.state == TokenState::Fresh) {
        // Who finds it unused queues up; whoever was first has used it when the turn comes.
        sessions::hold(tx, session).await?;
        token = refresh_tokens::find(tx, session, &hash).await?;
    }
    let token = token.ok_or_else(|| refused("unknown"))?;
    if tenants::is_suspended(tx).await? {
        count("suspended");
        return Err(Error::TenantSuspended);
    }
    let successor = app.accounts.successors.successor_of(token.id);
    match token.state {
        TokenState::Fresh => {
            let life = app.accounts.refresh_seconds;
            refresh_tokens::replace(tx, session, token.id, &successor.hash(), life).await?;
            count("rotated");
        }
        TokenState::JustUsed => {
            // Made with another signing seed, the successor cannot be told again.
            let known = refresh_tokens::find(tx, session, &successor.hash()).await?;
            known.ok_or_else(|| refused("unknown"))?;
            count("repeated");
        }
        TokenState::Expired => return Err(refused("expired")),
        TokenState::SessionEnded => return Err(refused("ended")),
        TokenState::Reused => {
            sessions::revoke(tx, session, Revocation::Reuse).await?;
            let reused = Event::new(Actor::Nobody, Action::TokenReused, ip).on(session);
            audit::append(tx, reused).await?;
            tracing::warn!(%session, "a used refresh token came again: session ended");
            count("reused");
            return Err(Error::RefreshTokenReused);
        }
    }
    let user = users::find(tx, token.user)
        .await?
        .ok_or_else(|| refused("no_member"))?;
    if app.accounts.verified_email_required && user.email_verified_at.is_none() {
        return Err(Denied::EmailUnverified.into());
    }
    Tokens::of(app, identity(tx, &user, session), successor).await
}

/// Sign out.
///
/// Ends the session of the refresh token in the body, or else that of the bearer token. A refresh
/// token that opens no session has none to end, and that is no error.
#[utoipa::path(post, path = "/logout", tag = "sign-in", request_body = Option<LogoutRequest>,
    security((), ("bearer" = [])),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "missing_token, invalid_token or expired_token, when there is
            no refresh token", body = Problem, content_type = "application/problem+json"),
        BodyRefused, Unavailable))]
pub(crate) async fn logout(
    State(app): State<AppState>,
    ip: ClientIp,
    caller: Result<Caller, ApiError>,
    body: Option<Body<LogoutRequest>>,
) -> Result<StatusCode, Error> {
    if let Some(text) = body.and_then(|Body(request)| request.refresh_token) {
        let token = RefreshToken::received(text);
        if let Some(TokenOwner { creator, session }) = owner_of(&app, &token).await? {
            end(&app, creator, session, ip).await?;
        }
    } else {
        let caller = match caller {
            // It has ended, as was asked for.
            Err(error) if error.code() == "session_ended" => return Ok(StatusCode::NO_CONTENT),
            caller => caller?,
        };
        let (_, _, session) = caller.user()?;
        end(&app, caller.tenant, session, ip).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn end(
    app: &AppState,
    creator: CreatorId,
    session: SessionId,
    ip: ClientIp,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(creator).await?;
    let ended = sessions::revoke(&mut tx, session, Revocation::Logout).await?;
    if ended {
        let signed_out = Event::new(Actor::Nobody, Action::SignedOut, ip).on(session);
        audit::append(&mut tx, signed_out).await?;
    }
    tx.commit().await?;
    if ended {
        ending::tell(app, &[Subject::Session(session)]).await?;
    }
    Ok(())
}

fn refused(outcome: &'static str) -> Error {
    count(outcome);
    Error::InvalidRefreshToken
}

fn count(outcome: &'static str) {
    metrics::counter!("auth_refreshes_total", "outcome" => outcome).increment(1);
}
