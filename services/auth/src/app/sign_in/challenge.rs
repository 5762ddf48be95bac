//! The challenge between the two steps of a sign-in with a second factor.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared_crypto::Encryptor;
use shared_models::{CreatorId, UserId};

use crate::error::Error;

/// How long a challenge is valid, seconds.
pub(crate) const CHALLENGE_TTL_SECONDS: i64 = 300;
/// The encryption context of challenges.
const CONTEXT: &str = "second factor challenge";

/// Proves that the first step succeeded. Encrypted, because only auth has to read it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Challenge {
    pub(super) creator: CreatorId,
    pub(super) user: UserId,
    #[serde(rename = "ends")]
    expires_at: i64,
    /// A fingerprint of the password hash: a password change invalidates the challenge.
    password: String,
}

impl Challenge {
    pub(super) fn new(creator: CreatorId, user: UserId, password_hash: &str) -> Self {
        Self {
            creator,
            user,
            expires_at: Timestamp::now().as_second() + CHALLENGE_TTL_SECONDS,
            password: fingerprint(password_hash),
        }
    }

    pub(super) fn encrypt(&self, encryptor: &Encryptor) -> Result<String, Error> {
        let text = serde_json::to_vec(self).map_err(|_| Error::Inconsistent)?;
        Ok(encryptor.encrypt(CONTEXT, &text)?)
    }

    /// Decrypts a challenge; none when it is invalid or has expired.
    pub(super) fn decrypt(encryptor: &Encryptor, text: &str) -> Option<Self> {
        let decrypted = encryptor.decrypt(CONTEXT, text).ok()?;
        let challenge: Self = serde_json::from_slice(decrypted.plaintext.expose()).ok()?;
        (challenge.expires_at > Timestamp::now().as_second()).then_some(challenge)
    }

    /// Whether the password is still the one of the first step.
    pub(super) fn matches(&self, password_hash: &str) -> bool {
        self.password == fingerprint(password_hash)
    }
}

fn fingerprint(password_hash: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(password_hash)[..8])
}
