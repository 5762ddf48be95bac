//! The response to a sign-in: the account, the user, and the tokens.

use jiff::Timestamp;
use serde::Serialize;
use shared_models::{CreatorId, Role, UserId};
use utoipa::ToSchema;

use crate::app::account::me::{CreatorRow, MeRow};
use crate::app::sign_in::session::{SignedInUser, TokenPair};
use crate::app::team::members::UserRow;

/// A creator account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatorAccount {
    id: CreatorId,
    /// The company, or the person if there is none.
    display_name: String,
    company_name: Option<String>,
    #[schema(example = "free")]
    plan: String,
    created_at: Timestamp,
}

/// A user with the role in this account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    id: UserId,
    email: String,
    full_name: String,
    role: Role,
    /// When the email address was verified; null until then.
    email_verified_at: Option<Timestamp>,
    last_login_at: Option<Timestamp>,
    created_at: Timestamp,
}

/// The tokens of a session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// For the header `Authorization: Bearer`.
    access_token: String,
    /// Used once: each refresh returns the next one.
    refresh_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Lifetime of the access token in seconds.
    #[schema(example = 900)]
    expires_in: u64,
}

/// The account and the signed-in user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    creator: CreatorAccount,
    user: User,
}

/// The account, the user, and the tokens of a new session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedIn {
    creator: CreatorAccount,
    user: User,
    tokens: Tokens,
}

impl From<SignedInUser> for SignedIn {
    fn from(signed_in: SignedInUser) -> Self {
        let MeRow { creator, user } = signed_in.me;
        Self {
            creator: creator.into(),
            user: user.into(),
            tokens: signed_in.tokens.into(),
        }
    }
}

impl From<MeRow> for Me {
    fn from(MeRow { creator, user }: MeRow) -> Self {
        Self {
            creator: creator.into(),
            user: user.into(),
        }
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
            read_at: _,
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

impl From<TokenPair> for Tokens {
    fn from(tokens: TokenPair) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token.into_text(),
            token_type: "Bearer",
            expires_in: tokens.access_ttl.as_secs(),
        }
    }
}
