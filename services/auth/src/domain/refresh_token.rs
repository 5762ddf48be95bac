//! Refresh tokens: opaque, kept as a hash only, each the successor of the one before.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use shared_config::Secret;
use uuid::Uuid;

/// How long a used token still gives its successor, seconds: requests that ran side by side, or
/// whose answer was lost, end up with one session. Later, a used token is a stolen one.
pub(crate) const SAME_SUCCESSOR_SECONDS: f64 = 10.0;

/// A token that a client holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken(Secret<String>);

impl RefreshToken {
    /// The first token of a session.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self::of(&bytes))
    }

    /// A token as a client sent it.
    pub(crate) const fn received(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// What the database keeps.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose()).into()
    }

    /// The text that the client gets.
    pub(crate) fn into_text(self) -> String {
        self.0.expose().clone()
    }

    fn of(bytes: &[u8]) -> Self {
        Self(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }
}

/// Derives successors, so that one token has one successor although none is kept in clear.
#[derive(Debug, Clone)]
pub(crate) struct SuccessorKey(Secret<[u8; 32]>);

impl SuccessorKey {
    /// A key of its own for this purpose, out of the signing seed.
    pub(crate) fn derive(seed: &[u8; 32]) -> Self {
        Self(Secret::new(keyed_hash(
            seed,
            b"creator-platform refresh token successor",
        )))
    }

    /// The successor of the token that this row keeps.
    pub(crate) fn successor_of(&self, row: Uuid) -> RefreshToken {
        RefreshToken::of(&keyed_hash(self.0.expose(), row.as_bytes()))
    }
}

pub(super) fn keyed_hash(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // Keys shorter than the block are padded with zeros (RFC 2104), which new_from_slice does too,
    // though behind a Result that cannot fail.
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
    fn the_keyed_hash_is_the_one_of_rfc_2104() {
        // printf data | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01 -binary | base64
        let hash = RefreshToken::of(&keyed_hash(&[1; 32], b"data")).into_text();
        assert_eq!(hash, "-d_QOzYdzbIeMbQzEEQmsvqpS4thCyUfp1loPUliC-c");
    }

    #[test]
    fn a_row_has_one_successor_and_another_row_another() {
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
