//! API keys: accepted wherever an access token is, and known to auth alone.

use std::fmt::{Debug, Write as _};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use shared_models::{ApiKeyId, CreatorId, Permission, UserId};

use crate::error::ApiError;

/// How the text of a key begins.
pub const PREFIX: &str = "cpk_";
/// Where auth answers, below its own address; the gateway does not route it.
pub const INTROSPECT: &str = "/auth/internal/v1/api-keys/introspect";
/// How long auth may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a service asks auth about a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyQuestion {
    /// SHA-256 of the whole key, lower-case hexadecimal: the key itself stays where it arrived.
    pub key_hash: String,
}

/// Whom a key speaks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyIdentity {
    /// The tenant.
    pub creator_id: CreatorId,
    /// The key.
    pub id: ApiKeyId,
    /// What it may do now: its scopes, as far as who made it still has them.
    pub scopes: Vec<Permission>,
    /// Who made it; a change of that one's role changes the key.
    pub created_by: Option<UserId>,
}

/// Finds out whom a key speaks for.
pub trait ResolveKey: Debug + Send + Sync {
    /// The identity behind a SHA-256 hash, or none.
    fn resolve(&self, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<KeyIdentity>, ApiError>>;
}

/// Asks auth; `token` is a service's token for it.
pub(super) async fn ask_auth(
    http: &reqwest::Client,
    auth_url: &str,
    token: &str,
    hash: [u8; 32],
) -> Result<Option<KeyIdentity>, ApiError> {
    let away = |cause: reqwest::Error| ApiError::unavailable("auth", cause);
    let question = KeyQuestion {
        key_hash: hash.iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }),
    };
    let asked = http
        .post(format!("{auth_url}{INTROSPECT}"))
        .bearer_auth(token)
        .json(&question)
        .timeout(PATIENCE);
    let answer = asked.send().await.map_err(away)?;
    if answer.status() == reqwest::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let answer = answer.error_for_status().map_err(away)?;
    answer.json().await.map(Some).map_err(away)
}
