//! The invitation of the owner that a Tenant resource names. Its token can be derived again, but
//! not read from the database.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use shared_config::Secret;
use uuid::Uuid;

use super::refresh_token::keyed_hash;

/// How long an invitation can be accepted, seconds.
pub(crate) const OWNER_INVITATION_TTL_SECONDS: f64 = 14.0 * 86_400.0;

/// Derives the token of an invitation from its id. The operator may lose a response; a repeated
/// request returns the same token, although the database stores its hash only.
#[derive(Debug, Clone)]
pub(crate) struct InvitationKey(Secret<[u8; 32]>);

impl InvitationKey {
    /// A separate key for this purpose, derived from the signing seed.
    pub(crate) fn derive(seed: &[u8; 32]) -> Self {
        let purpose = b"creator-platform owner invitation";
        Self(Secret::new(keyed_hash(seed, purpose)))
    }

    pub(crate) fn token_of(&self, invitation: Uuid) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(keyed_hash(self.0.expose(), invitation.as_bytes()))
    }
}

/// The hash that the database stores.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
