//! The way in for an owner whom a resource named: a token that can be told again, never read back.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use shared_config::Secret;
use uuid::Uuid;

use super::refresh_token::keyed_hash;

/// How long an invitation waits to be accepted, seconds.
pub(crate) const LIFE_SECONDS: f64 = 14.0 * 86_400.0;

/// Derives the token of an invitation from its row. Whoever provisions may lose an answer; asked
/// again, auth tells the same token, although the database has its hash only.
#[derive(Debug, Clone)]
pub(crate) struct InvitationKey(Secret<[u8; 32]>);

impl InvitationKey {
    /// A key of its own for this purpose, out of the signing seed.
    pub(crate) fn derive(seed: &[u8; 32]) -> Self {
        let purpose = b"creator-platform owner invitation";
        Self(Secret::new(keyed_hash(seed, purpose)))
    }

    /// The token of an invitation.
    pub(crate) fn token_of(&self, invitation: Uuid) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(keyed_hash(self.0.expose(), invitation.as_bytes()))
    }
}

/// What the database keeps of a token.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
