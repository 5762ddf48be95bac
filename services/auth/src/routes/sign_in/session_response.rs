//! What sign-ins answer: the account, the person, the tokens.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use shared_db::TenantTx;
use shared_models::{CreatorId, Role, SessionId, UserId};
use utoipa::ToSchema;

use crate::audit::Event;
use crate::domain::refresh_token::RefreshToken;
use crate::domain::token::Identity;
use crate::error::Error;
use crate::state::AppState;
use crate::store::creators::CreatorRow;
use crate::store::me::MeRow;
use crate::store::sessions::{self, Device, NewSession};
use crate::store::users::UserRow;

/// A creator account: the tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatorAccount {
    id: CreatorId,
    /// The company, or the person where there is none.
    display_name: String,
    company_name: Option<String>,
    #[schema(example = "free")]
    plan: String,
    created_at: Timestamp,
}

/// A person, with the role in this account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    id: UserId,
    email: String,
    full_name: String,
    role: Role,
    /// When the e-mail address was proved; null until then.
    email_verified_at: Option<Timestamp>,
    last_login_at: Option<Timestamp>,
    created_at: Timestamp,
}

/// What opens the API, and what renews it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// Used once: each refresh gives the next one.
    refresh_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Life of the access token, seconds.
    #[schema(example = 900)]
    expires_in: u64,
}

/// An account and its person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    creator: CreatorAccount,
    user: User,
}

/// An account, its person, and a new session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedIn {
    creator: CreatorAccount,
    user: User,
    tokens: Tokens,
}

impl SignedIn {
    /// The answer to whom a session was opened for.
    pub(super) async fn of(
        app: &AppState,
        tx: &TenantTx,
        me: MeRow,
        session: SessionId,
        token: RefreshToken,
    ) -> Result<Self, Error> {
        let tokens = Tokens::of(app, identity(tx, &me.user, session), token).await?;
        let Me { creator, user } = me.into();
        Ok(Self {
            creator,
            user,
            tokens,
        })
    }
}

impl From<MeRow> for Me {
    fn from(MeRow { creator, user }: MeRow) -> Self {
        let (creator, user) = (creator.into(), user.into());
        Self { creator, user }
    }
}

impl From<CreatorRow> for CreatorAccount {
    fn from(row: CreatorRow) -> Self {
        let CreatorRow {
            id,
            display_name,
            company_name,
            plan,
            created_at,
        } = row;
        Self {
            id,
            display_name,
            company_name,
            plan,
            created_at,
        }
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        let UserRow {
            id,
            email,
            full_name,
            role,
            email_verified_at,
            last_login_at,
            created_at,
        } = row;
        Self {
            id,
            email,
            full_name,
            role,
            email_verified_at,
            last_login_at,
            created_at,
        }
    }
}

impl Tokens {
    /// Signs an access token beside that refresh token.
    pub(crate) async fn of(
        app: &AppState,
        whom: Identity,
        refresh_token: RefreshToken,
    ) -> Result<Self, Error> {
        app.key_ring.ready().await?;
        Ok(Self {
            access_token: app.signer.sign(whom, Timestamp::now())?,
            refresh_token: refresh_token.into_text(),
            token_type: "Bearer",
            expires_in: app.signer.life().as_secs(),
        })
    }
}

/// Opens a session of a member, for the reason that the audit log is to name; the caller commits
/// before the tokens leave.
pub(crate) async fn sign_in(
    app: &AppState,
    tx: &mut TenantTx,
    me: MeRow,
    device: &Device,
    entry: Event,
) -> Result<SignedIn, Error> {
    let token = RefreshToken::random()?;
    let session = new_session(app, me.user.id, device, &token, entry);
    sessions::open(tx, &session).await?;
    SignedIn::of(app, tx, me, session.id, token).await
}

/// A session that is to begin with that token.
pub(super) fn new_session<'a>(
    app: &AppState,
    user: UserId,
    device: &'a Device,
    token: &RefreshToken,
    entry: Event,
) -> NewSession<'a> {
    NewSession {
        id: SessionId::new(),
        user,
        device,
        token_hash: token.hash(),
        life_seconds: app.accounts.refresh_seconds,
        entry,
    }
}

/// Whom the tokens of a session speak for.
pub(crate) const fn identity(tx: &TenantTx, user: &UserRow, session: SessionId) -> Identity {
    Identity {
        creator: tx.creator(),
        user: user.id,
        role: user.role,
        session,
    }
}

/// A body that no cache may keep.
#[derive(Debug)]
pub(crate) struct Confidential<T>(pub(crate) StatusCode, pub(crate) T);

impl<T: Serialize> IntoResponse for Confidential<T> {
    fn into_response(self) -> Response {
        (self.0, [(header::CACHE_CONTROL, "no-store")], Json(self.1)).into_response()
    }
}
