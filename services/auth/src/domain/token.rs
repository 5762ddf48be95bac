//! Access tokens: signed here, verified everywhere by the published key set.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::errors::Error;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use shared_models::{CreatorId, Role, SessionId, UserId};
use shared_web::token::AccessClaims;
use uuid::Uuid;

/// DER of an Ed25519 private key up to its 32 bytes (RFC 8410, section 7).
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
];

/// Whom a token speaks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) creator: CreatorId,
    pub(crate) user: UserId,
    pub(crate) role: Role,
    pub(crate) session: SessionId,
}

/// Signs access tokens. Clones share the key.
#[derive(Clone)]
pub(crate) struct Signer(Arc<Inner>);

struct Inner {
    key: EncodingKey,
    header: Header,
    key_set: JwkSet,
    issuer: String,
    audience: String,
    life: Duration,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("kid", &self.0.header.kid)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Makes the key out of its seed; `kid` is its thumbprint (RFC 7638), so that every replica
    /// and every restart publishes it under the same name.
    pub(crate) fn new(
        seed: &[u8; 32],
        issuer: &str,
        audience: &str,
        life: Duration,
    ) -> Result<Self, Error> {
        let key = EncodingKey::from_ed_der(&[&PKCS8_HEAD[..], &seed[..]].concat());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::EdDSA)?;
        let kid = public.thumbprint(ThumbprintHash::SHA256)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(kid);
        Ok(Self(Arc::new(Inner {
            key,
            header,
            key_set: JwkSet { keys: vec![public] },
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            life,
        })))
    }

    /// The public keys.
    pub(crate) fn key_set(&self) -> &JwkSet {
        &self.0.key_set
    }

    /// Life of a token.
    pub(crate) fn life(&self) -> Duration {
        self.0.life
    }

    /// Signs a token; `now` is in seconds of the epoch.
    pub(crate) fn sign(&self, whom: Identity, now: i64) -> Result<String, Error> {
        let Identity {
            creator,
            user,
            role,
            session,
        } = whom;
        let claims = AccessClaims {
            sub: user,
            creator_id: creator,
            role,
            scopes: Vec::new(),
            sid: session,
            jti: Uuid::now_v7(),
            iss: self.0.issuer.clone(),
            aud: self.0.audience.clone(),
            iat: now,
            exp: now.saturating_add_unsigned(self.0.life.as_secs()),
        };
        jsonwebtoken::encode(&self.0.header, &claims, &self.0.key)
    }
}
