//! What tokens say: access tokens that auth signs, and short ones between services.

use serde::{Deserialize, Serialize};
use shared_models::{CreatorId, Role, SessionId, UserId};
use uuid::Uuid;

/// `kid` of tokens between services, which are signed with the shared internal key.
pub const INTERNAL_KID: &str = "internal";

/// Claims of an access token (RFC 9068 in spirit).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The user.
    pub sub: UserId,
    /// The tenant.
    pub creator_id: CreatorId,
    /// What the user may do there.
    pub role: Role,
    /// What this token may be used for; empty is everything that the role may do.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The sign-in.
    pub sid: SessionId,
    /// The token.
    pub jti: Uuid,
    /// Who signed it.
    pub iss: String,
    /// Whom it is for.
    pub aud: String,
    /// When it was signed, seconds of the epoch.
    pub iat: i64,
    /// When it ends, seconds of the epoch.
    pub exp: i64,
}

/// Claims of a token between services.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InternalClaims {
    /// The calling service.
    pub sub: String,
    /// The tenant it calls for, if it calls for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_id: Option<CreatorId>,
    /// The called service.
    pub aud: String,
    /// When it was signed, seconds of the epoch.
    pub iat: i64,
    /// When it ends, seconds of the epoch.
    pub exp: i64,
}
