//! API keys: accepted wherever an access token is, and known to auth alone.

use std::fmt::{Debug, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use shared_config::Service;
use shared_models::{ApiKeyId, CreatorId, Permission, UserId};
use shared_rpc::TokenSource as _;

use crate::error::AuthError;
use crate::signer::ServiceTokenSigner;

/// How the text of a key begins.
pub const PREFIX: &str = "cpk_";
/// Random bytes of a key, which follow the prefix as base64url.
pub const RANDOM_BYTES: usize = 32;
/// Auth's introspection endpoint, below its own address; the gateway does not route it.
pub const INTROSPECT: &str = "/auth/internal/v1/api-keys/introspect";
/// Longest wait for auth.
const INTROSPECTION_TIMEOUT: Duration = Duration::from_secs(3);

/// Whether a text has the form of a key: only such a text is worth a question to auth.
pub fn is_well_formed(text: &str) -> bool {
    let random = text.strip_prefix(PREFIX);
    let bytes = random.and_then(|random| BASE64_URL_SAFE_NO_PAD.decode(random).ok());
    bytes.is_some_and(|bytes| bytes.len() == RANDOM_BYTES)
}

/// What a service asks auth about a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyQuestion {
    /// SHA-256 of the whole key, lower-case hexadecimal: the key itself stays where it arrived.
    pub key_hash: String,
}

/// The identity behind a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyIdentity {
    /// The tenant.
    pub creator_id: CreatorId,
    /// The key.
    pub id: ApiKeyId,
    /// Its permissions now: its scopes, limited to what its creator still has.
    pub scopes: Vec<Permission>,
    /// Who created it; a change of that user's role changes the key.
    pub created_by: Option<UserId>,
    /// When the database was asked, by its own clock, milliseconds since the epoch. Absent in a
    /// response of an earlier release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<i64>,
    /// When the key itself expires, seconds since the epoch; none when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// Resolves the hash of an API key.
pub trait ResolveKey: Debug + Send + Sync {
    /// The identity behind a SHA-256 hash, or none.
    fn resolve(&self, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<KeyIdentity>, AuthError>>;
}

/// Asks auth to resolve the hash of a key.
pub(crate) async fn introspect(
    http: &reqwest::Client,
    auth_url: &str,
    signer: &ServiceTokenSigner,
    hash: [u8; 32],
) -> Result<Option<KeyIdentity>, AuthError> {
    let unavailable = |cause: reqwest::Error| AuthError::unavailable("auth", cause);
    let question = KeyQuestion {
        key_hash: hash.iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }),
    };
    let request = http
        .post(format!("{auth_url}{INTROSPECT}"))
        .bearer_auth(signer.token(Service::Auth, None)?)
        .json(&question)
        .timeout(INTROSPECTION_TIMEOUT);
    let response = request.send().await.map_err(unavailable)?;
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let response = response.error_for_status().map_err(unavailable)?;
    response.json().await.map(Some).map_err(unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_prefix_with_32_bytes_of_base64url_is_a_key() {
        let random = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        assert!(is_well_formed(&format!("{PREFIX}{random}")));
        for text in [
            String::new(),
            PREFIX.to_owned(),
            random.to_owned(),
            format!("{PREFIX}{random}A"),
            format!("{PREFIX}{random}="),
            format!("{PREFIX}{}", &random[1..]),
            format!("{PREFIX}{}+", &random[1..]),
            format!("{PREFIX} {}", &random[1..]),
        ] {
            assert!(!is_well_formed(&text), "{text}");
        }
    }
}
