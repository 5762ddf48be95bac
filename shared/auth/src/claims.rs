//! The claims of tokens: access tokens that auth signs, and short ones between services.

use serde::{Deserialize, Serialize};
use shared_models::{CreatorId, Role, SessionId, UserId};
use uuid::Uuid;

/// `kid` of service tokens that are signed with the key that all services had together.
pub const INTERNAL_KID: &str = "internal";
/// Before the name of the caller in the `kid` of service tokens that are signed with the key of a
/// pair.
pub const CALLER_KID_PREFIX: &str = "service-";

/// Claims of an access token, close to RFC 9068.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The user.
    pub sub: UserId,
    /// The tenant.
    pub creator_id: CreatorId,
    /// The user's role in that tenant.
    pub role: Role,
    /// What the token is limited to; empty is everything that the role permits.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The session.
    pub sid: SessionId,
    /// The token's own id, a UUIDv7.
    pub jti: Uuid,
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: String,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Expires at, seconds since the epoch.
    pub exp: i64,
}

/// Claims of a token between services.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceClaims {
    /// The calling service.
    pub sub: String,
    /// The tenant on whose behalf it calls, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator_id: Option<CreatorId>,
    /// The called service.
    pub aud: String,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Expires at, seconds since the epoch.
    pub exp: i64,
    /// In a token for services of an earlier version: the token for all others, which alone counts
    /// there. An earlier version does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
}
