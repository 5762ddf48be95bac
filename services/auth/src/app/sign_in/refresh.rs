//! Renewal of a session's tokens, and sign-out.

use shared_auth::Subject;
use shared_db::TenantTx;
use shared_models::{CreatorId, SessionId};
use shared_web::ClientIp;

use super::session::{TokenPair, issue_tokens, subject};
use crate::app::{audit, limits};
use crate::domain::audit::{Action, Actor};
use crate::domain::refresh_token::RefreshToken;
use crate::error::{Denied, Error};
use crate::state::AppState;
use crate::store::login_lookup::{self, TokenOwner};
use crate::store::refresh_tokens::{self, TokenRow, TokenState};
use crate::store::sessions::{self, RevocationReason};
use crate::store::{tenants, users};

/// Exchanges a refresh token for new tokens.
pub(crate) async fn refresh(
    app: &AppState,
    token: &RefreshToken,
    ip: ClientIp,
) -> Result<TokenPair, Error> {
    limits::enforce(&app.cache, limits::REFRESH, &limits::by_ip(ip)).await?;
    let owner = login_lookup::find_refresh_token(&app.db, &token.hash())
        .await?
        .ok_or_else(|| refused("unknown"))?;
    let mut tx = app.db.tenant(owner.creator).await?;
    let result = rotate(app, &mut tx, owner.session, token, ip).await;
    // A reused token ends the session: that is committed although the request is refused.
    if matches!(result, Ok(_) | Err(Error::RefreshTokenReused)) {
        tx.commit().await?;
    }
    result
}

/// Issues the successor of a token; concurrent requests get the same one.
async fn rotate(
    app: &AppState,
    tx: &mut TenantTx,
    session: SessionId,
    received: &RefreshToken,
    ip: ClientIp,
) -> Result<TokenPair, Error> {
    let token = find_locked(tx, session, received).await?;
    if tenants::is_suspended(tx).await? {
        count("suspended");
        return Err(Error::TenantSuspended);
    }
    let successor = app.accounts.successors.successor_of(token.id);
    match token.state {
        TokenState::Unused => {
            let lifetimes = app.accounts.lifetimes;
            let hash = successor.hash();
            refresh_tokens::replace(tx, session, token.id, &hash, lifetimes).await?;
            count("rotated");
        }
        TokenState::JustUsed => {
            // A successor that was derived from another signing seed cannot be derived again.
            let known = refresh_tokens::find(tx, session, &successor.hash()).await?;
            known.ok_or_else(|| refused("unknown"))?;
            count("repeated");
        }
        TokenState::Expired => return Err(refused("expired")),
        TokenState::SessionEnded => return Err(refused("ended")),
        // While its successor is unused, the response with that may have been lost.
        TokenState::Reused => match refresh_tokens::find(tx, session, &successor.hash()).await? {
            Some(next) if next.state == TokenState::Unused => count("lost"),
            _ => return end_reused(app, tx, session, ip).await,
        },
    }
    let user = users::find(tx, token.user)
        .await?
        .ok_or_else(|| refused("no_member"))?;
    if app.accounts.verified_email_required && user.email_verified_at.is_none() {
        return Err(Denied::EmailUnverified.into());
    }
    issue_tokens(app, subject(tx, &user, session), successor).await
}

/// Reads a token. If it is unused, locks the session and reads it again: a concurrent request may
/// have used it in the meantime.
async fn find_locked(
    tx: &mut TenantTx,
    session: SessionId,
    received: &RefreshToken,
) -> Result<TokenRow, Error> {
    let hash = received.hash();
    let mut token = refresh_tokens::find(tx, session, &hash).await?;
    if token.is_some_and(|token| token.state == TokenState::Unused) {
        sessions::lock(tx, session).await?;
        token = refresh_tokens::find(tx, session, &hash).await?;
    }
    token.ok_or_else(|| refused("unknown"))
}

/// Ends the session of a token that was used again after its successor.
async fn end_reused(
    app: &AppState,
    tx: &mut TenantTx,
    session: SessionId,
    ip: ClientIp,
) -> Result<TokenPair, Error> {
    sessions::revoke(tx, session, RevocationReason::TokenReuse).await?;
    let audit_event = audit::event(Actor::Anonymous, Action::TokenReused, ip).on(session);
    audit::append(tx, audit_event).await?;
    let revoked = app.revocations.revoke([Subject::Session(session)]);
    tx.apply(revoked).await?;
    tracing::warn!(%session, "used refresh token received again; session revoked");
    count("reused");
    Err(Error::RefreshTokenReused)
}

/// Signs out the session of a refresh token. A token without a session is not an error.
pub(crate) async fn logout_by_token(
    app: &AppState,
    token: &RefreshToken,
    ip: ClientIp,
) -> Result<(), Error> {
    let owner = login_lookup::find_refresh_token(&app.db, &token.hash()).await?;
    if let Some(TokenOwner { creator, session }) = owner {
        logout(app, creator, session, ip).await?;
    }
    Ok(())
}

/// Signs out a session.
pub(crate) async fn logout(
    app: &AppState,
    tenant: CreatorId,
    session: SessionId,
    ip: ClientIp,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(tenant).await?;
    let ended = sessions::revoke(&mut tx, session, RevocationReason::Logout).await?;
    if ended {
        let audit_event = audit::event(Actor::Anonymous, Action::SignedOut, ip).on(session);
        audit::append(&mut tx, audit_event).await?;
        let revoked = app.revocations.revoke([Subject::Session(session)]);
        tx.apply(revoked).await?;
    }
    Ok(tx.commit().await?)
}

fn refused(outcome: &'static str) -> Error {
    count(outcome);
    Error::InvalidRefreshToken
}

fn count(outcome: &'static str) {
    metrics::counter!("auth_refreshes_total", "outcome" => outcome).increment(1);
}
