//! API keys: 256 random bits, shown once and stored as a hash.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use shared_auth::api_key::{PREFIX, RANDOM_BYTES};

/// Characters of a key that stay visible: the platform's prefix and eight random ones.
const VISIBLE_LENGTH: usize = 12;

/// The secret text of a new key, shown once.
pub(crate) struct ApiKeySecret(String);

impl ApiKeySecret {
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; RANDOM_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!(
            "{PREFIX}{}",
            BASE64_URL_SAFE_NO_PAD.encode(bytes)
        )))
    }

    /// The visible beginning by which people tell keys apart: 48 of its 256 bits.
    pub(crate) fn prefix(&self) -> &str {
        self.0.get(..VISIBLE_LENGTH).unwrap_or_default()
    }

    /// SHA-256 of the whole key. The key is random, so no slow password hash is needed.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// Parses a hash from the hexadecimal that services send.
pub(crate) fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0_u8; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests;
