//! Why a credential or a caller is refused; `shared-web` turns it into a problem document.

use std::error::Error as StdError;

use shared_models::Permission;
use shared_rpc::NoToken;

/// Why a credential or a caller is refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Not a token of this platform.
    #[error("the token is not one of this platform")]
    InvalidToken,
    /// The token has expired.
    #[error("the token has expired; refresh it")]
    ExpiredToken,
    /// The credential was revoked: a role changed, a key was deleted, a signing key leaked.
    #[error("the credential was revoked; refresh it or sign in again")]
    RevokedToken,
    /// The session was ended.
    #[error("this session has ended; sign in")]
    SessionEnded,
    /// The account is suspended.
    #[error("this account is suspended; contact its owner")]
    TenantSuspended,
    /// The caller lacks a permission.
    #[error("this needs the permission {0}")]
    PermissionMissing(Permission),
    /// The endpoint is for signed-in users.
    #[error("only a signed-in person may do this, not an API key")]
    UsersOnly,
    /// The endpoint is for services of the platform.
    #[error("only services of the platform may call this")]
    ServicesOnly,
    /// A dependency is unavailable.
    #[error("{dependency} is unavailable: {cause}")]
    Unavailable {
        /// Its name in problem documents.
        dependency: &'static str,
        /// The error of its client.
        cause: Box<dyn StdError + Send + Sync>,
    },
    /// A fault of this process.
    #[error(transparent)]
    Internal(Box<dyn StdError + Send + Sync>),
}

impl AuthError {
    /// A dependency is unavailable.
    pub fn unavailable(
        dependency: &'static str,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Unavailable {
            dependency,
            cause: cause.into(),
        }
    }

    /// A fault of this process.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// The `code` of the problem document.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidToken => "invalid_token",
            Self::ExpiredToken => "expired_token",
            Self::RevokedToken => "revoked_token",
            Self::SessionEnded => "session_ended",
            Self::TenantSuspended => "tenant_suspended",
            Self::PermissionMissing(_) => "permission_missing",
            Self::UsersOnly => "users_only",
            Self::ServicesOnly => "services_only",
            Self::Unavailable { .. } => "dependency_unavailable",
            Self::Internal(_) => "internal",
        }
    }
}

impl From<NoToken> for AuthError {
    fn from(error: NoToken) -> Self {
        Self::internal(error)
    }
}

/// The database is unavailable, or the statement is wrong.
impl From<sqlx::Error> for AuthError {
    fn from(error: sqlx::Error) -> Self {
        if shared_db::is_unavailable(&error) {
            Self::unavailable("postgres", error)
        } else {
            Self::internal(error)
        }
    }
}
