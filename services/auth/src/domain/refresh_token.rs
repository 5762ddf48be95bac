//! Refresh tokens: opaque, stored as a hash only, each followed by a successor.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use shared_config::Secret;
use uuid::Uuid;

/// How long a used token still returns its successor, seconds, so that concurrent requests share
/// one session. After that it does so only until the successor is used, since the response may have
/// been lost; then it counts as stolen.
pub(crate) const REUSE_INTERVAL_SECONDS: f64 = 10.0;

/// How long a session lives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SessionLifetimes {
    /// From each renewal.
    pub(crate) renewal_seconds: f64,
    /// From the sign-in, however often it is renewed.
    pub(crate) total_seconds: f64,
}

impl SessionLifetimes {
    /// The lifetime of the first token.
    pub(crate) const fn first_seconds(self) -> f64 {
        self.renewal_seconds.min(self.total_seconds)
    }
}

/// The token of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken(Secret<String>);

impl RefreshToken {
    /// The first token of a session.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self::encode(&bytes))
    }

    /// A token as a client sent it.
    pub(crate) const fn received(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// The hash that the database stores.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose()).into()
    }

    pub(crate) fn into_text(self) -> String {
        self.0.expose().clone()
    }

    fn encode(bytes: &[u8]) -> Self {
        Self(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }
}

/// Derives successors: each token has exactly one, although no token is stored in clear text.
#[derive(Debug, Clone)]
pub(crate) struct SuccessorKey(Secret<[u8; 32]>);

impl SuccessorKey {
    /// A separate key for this purpose, derived from the signing seed.
    pub(crate) fn derive(seed: &[u8; 32]) -> Self {
        Self(Secret::new(keyed_hash(
            seed,
            b"creator-platform refresh token successor",
        )))
    }

    /// The successor of the token with this row id.
    pub(crate) fn successor_of(&self, row: Uuid) -> RefreshToken {
        RefreshToken::encode(&keyed_hash(self.0.expose(), row.as_bytes()))
    }
}

pub(super) fn keyed_hash(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // RFC 2104 pads short keys with zeros. new_from_slice does so too, but returns a Result that
    // cannot fail.
    let mut block = [0_u8; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyed_hash_is_hmac_sha256() {
        // printf data | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01 -binary | base64
        let hash = RefreshToken::encode(&keyed_hash(&[1; 32], b"data")).into_text();
        assert_eq!(hash, "-d_QOzYdzbIeMbQzEEQmsvqpS4thCyUfp1loPUliC-c");
    }

    #[test]
    fn each_row_has_its_own_successor() {
        let key = SuccessorKey::derive(&[7; 32]);
        let (row, other) = (Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(key.successor_of(row), key.successor_of(row));
        assert_ne!(key.successor_of(row), key.successor_of(other));
        assert_ne!(
            key.successor_of(row),
            SuccessorKey::derive(&[8; 32]).successor_of(row)
        );
        assert_eq!(key.successor_of(row).into_text().len(), 43);
    }

    #[test]
    fn two_first_tokens_differ() {
        assert_ne!(
            RefreshToken::random().unwrap(),
            RefreshToken::random().unwrap()
        );
    }
}
