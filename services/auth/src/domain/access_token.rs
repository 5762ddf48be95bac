//! Access tokens: signed here, verified everywhere by the published key set.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use shared_auth::AccessClaims;
use shared_models::{CreatorId, Role, SessionId, UserId};
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

/// A key that signs, under the name that it is published by.
pub(crate) struct SigningKey {
    key: EncodingKey,
    header: Header,
    kid: String,
    public: Jwk,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.kid).finish()
    }
}

impl SigningKey {
    /// Makes the key out of its seed; `kid` is its thumbprint (RFC 7638), so that every replica
    /// and every restart publishes it under the same name.
    pub(crate) fn of_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let key = EncodingKey::from_ed_der(&[&PKCS8_HEAD[..], &seed[..]].concat());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::EdDSA)?;
        let kid = public.thumbprint(ThumbprintHash::SHA256)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(kid.clone());
        Ok(Self {
            key,
            header,
            kid,
            public,
        })
    }

    /// The name that it is published by.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }
}

/// Keys, and since when each signs, milliseconds of the epoch; the oldest first.
pub(crate) type Keys = Vec<(SigningKey, i64)>;

/// Signs access tokens. Clones share the keys.
#[derive(Debug, Clone)]
pub(crate) struct Signer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: RwLock<Arc<Keys>>,
    issuer: String,
    audience: String,
    life: Duration,
}

impl Signer {
    /// A signer with the key of that seed, until it takes others.
    pub(crate) fn new(
        seed: &[u8; 32],
        issuer: &str,
        audience: &str,
        life: Duration,
    ) -> Result<Self, Error> {
        let keys = vec![(SigningKey::of_seed(seed)?, 0)];
        Ok(Self(Arc::new(Inner {
            keys: RwLock::new(Arc::new(keys)),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            life,
        })))
    }

    /// Signs with these keys from now on.
    pub(crate) fn take(&self, keys: Keys) {
        let mut held = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(keys);
    }

    /// The keys that it has.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        let held = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&held)
    }

    /// The public keys.
    pub(crate) fn key_set(&self) -> JwkSet {
        let keys = self.keys();
        JwkSet {
            keys: keys.iter().map(|(key, _)| key.public.clone()).collect(),
        }
    }

    /// Life of a token.
    pub(crate) fn life(&self) -> Duration {
        self.0.life
    }

    /// Signs a token with the key whose time it is.
    pub(crate) fn sign(&self, whom: Identity, at: Timestamp) -> Result<String, Error> {
        let Identity {
            creator,
            user,
            role,
            session,
        } = whom;
        let now = at.as_second();
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
        let keys = self.keys();
        let key = active(&keys, at).ok_or(ErrorKind::InvalidKeyFormat)?;
        jsonwebtoken::encode(&key.header, &claims, &key.key)
    }
}

/// The key that signs at a moment: the youngest whose time has come.
pub(crate) fn active(keys: &Keys, at: Timestamp) -> Option<&SigningKey> {
    let begun = |(_, from): &&(SigningKey, i64)| *from <= at.as_millisecond();
    let youngest = keys.iter().rev().find(begun).or_else(|| keys.first());
    youngest.map(|(key, _)| key)
}
