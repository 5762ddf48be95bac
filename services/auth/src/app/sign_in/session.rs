//! Opens sessions and issues their tokens.

use std::time::Duration;

use jiff::Timestamp;
use shared_db::TenantTx;
use shared_models::{SessionId, UserId};

use crate::domain::access_token::TokenSubject;
use crate::domain::audit::AuditEvent;
use crate::domain::device::Device;
use crate::domain::refresh_token::RefreshToken;
use crate::error::Error;
use crate::state::AppState;
use crate::store::me::MeRow;
use crate::store::sessions::{self, NewSession};
use crate::store::users::UserRow;

/// The tokens of a session.
#[derive(Debug)]
pub(crate) struct TokenPair {
    pub(crate) access_token: String,
    pub(crate) access_ttl: Duration,
    pub(crate) refresh_token: RefreshToken,
}

/// A user with the tokens of a new session.
#[derive(Debug)]
pub(crate) struct SignedInUser {
    pub(crate) me: MeRow,
    pub(crate) tokens: TokenPair,
}

/// Opens a session of a user. Commit before the tokens leave the process.
pub(crate) async fn open(
    app: &AppState,
    tx: &mut TenantTx,
    me: MeRow,
    device: &Device,
    audit_event: AuditEvent,
) -> Result<SignedInUser, Error> {
    let token = RefreshToken::random()?;
    let session = new_session(app, me.user.id, device, &token, audit_event);
    sessions::open(tx, &session).await?;
    let tokens = issue_tokens(app, subject(tx, &me.user, session.id), token).await?;
    Ok(SignedInUser { me, tokens })
}

/// A session that begins with this refresh token.
pub(super) fn new_session<'a>(
    app: &AppState,
    user: UserId,
    device: &'a Device,
    token: &RefreshToken,
    audit_event: AuditEvent,
) -> NewSession<'a> {
    NewSession {
        id: SessionId::new(),
        user,
        device,
        token_hash: token.hash(),
        ttl_seconds: app.accounts.lifetimes.first_seconds(),
        audit_event,
    }
}

/// Signs an access token to go with a refresh token.
pub(super) async fn issue_tokens(
    app: &AppState,
    subject: TokenSubject,
    refresh_token: RefreshToken,
) -> Result<TokenPair, Error> {
    app.key_ring.ready().await?;
    Ok(TokenPair {
        access_token: app.signer.sign(subject, Timestamp::now())?,
        access_ttl: app.signer.access_ttl(),
        refresh_token,
    })
}

pub(super) const fn subject(tx: &TenantTx, user: &UserRow, session: SessionId) -> TokenSubject {
    TokenSubject {
        creator: tx.creator(),
        user: user.id,
        role: user.role,
        session,
        read_at: user.read_at,
    }
}
