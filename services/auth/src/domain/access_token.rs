//! Access tokens: signed by auth, verified by every service with the published key set.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use shared_auth::AccessClaims;
use shared_models::{CreatorId, Role, SessionId, UserId};
use uuid::Uuid;

/// DER prefix of an Ed25519 private key before its 32 bytes (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
];

/// The user and session of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenSubject {
    pub(crate) creator: CreatorId,
    pub(crate) user: UserId,
    pub(crate) role: Role,
    pub(crate) session: SessionId,
    /// When the transaction that read the role began, by the clock of the database.
    pub(crate) read_at: Timestamp,
}

/// A key that signs tokens, published under its `kid`.
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
    /// Derives the key from its seed. `kid` is its thumbprint (RFC 7638), so that every replica
    /// and every restart publishes it under the same id.
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let key = EncodingKey::from_ed_der(&[&PKCS8_PREFIX[..], &seed[..]].concat());
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

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }
}

/// A key and the time from which it signs.
#[derive(Debug)]
pub(crate) struct ScheduledKey {
    pub(crate) key: SigningKey,
    pub(crate) active_from: Timestamp,
}

/// Signs access tokens. Clones share the keys.
#[derive(Debug, Clone)]
pub(crate) struct Signer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: RwLock<Arc<[ScheduledKey]>>,
    issuer: String,
    audience: String,
    access_ttl: Duration,
}

impl Signer {
    /// A signer with the key of `seed`, until [`Self::replace_keys`].
    pub(crate) fn new(
        seed: &[u8; 32],
        issuer: &str,
        audience: &str,
        access_ttl: Duration,
    ) -> Result<Self, Error> {
        let keys = [ScheduledKey {
            key: SigningKey::from_seed(seed)?,
            active_from: Timestamp::UNIX_EPOCH,
        }];
        Ok(Self(Arc::new(Inner {
            keys: RwLock::new(Arc::from(keys)),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            access_ttl,
        })))
    }

    /// Replaces all keys; they are sorted by the time from which they sign.
    pub(crate) fn replace_keys(&self, keys: Vec<ScheduledKey>) {
        let mut current = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::from(keys);
    }

    /// All keys, the oldest first.
    pub(crate) fn keys(&self) -> Arc<[ScheduledKey]> {
        let current = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// The public keys of all keys.
    pub(crate) fn key_set(&self) -> JwkSet {
        let keys = self.keys();
        JwkSet {
            keys: keys.iter().map(|it| it.key.public.clone()).collect(),
        }
    }

    /// How long an access token is valid.
    pub(crate) fn access_ttl(&self) -> Duration {
        self.0.access_ttl
    }

    /// Signs a token with the key that is active at `at`.
    pub(crate) fn sign(&self, subject: TokenSubject, at: Timestamp) -> Result<String, Error> {
        let TokenSubject {
            creator,
            user,
            role,
            session,
            read_at,
        } = subject;
        let issued_at = at.as_second();
        let claims = AccessClaims {
            sub: user,
            creator_id: creator,
            role,
            scopes: Vec::new(),
            sid: session,
            jti: token_id(read_at),
            iss: self.0.issuer.clone(),
            aud: self.0.audience.clone(),
            iat: issued_at,
            exp: issued_at.saturating_add_unsigned(self.0.access_ttl.as_secs()),
        };
        let keys = self.keys();
        let key = active_key(&keys, at).ok_or(ErrorKind::InvalidKeyFormat)?;
        jsonwebtoken::encode(&key.header, &claims, &key.key)
    }
}

/// A unique id that says since when the claims are known to be true. A revocation ends the tokens
/// whose claims were read before it, also one that is signed just afterwards.
fn token_id(read_at: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(read_at.as_millisecond()).unwrap_or_default();
    let [_, _, _, _, _, _, random @ ..] = Uuid::new_v4().into_bytes();
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}

/// The key that signs at `at`: the newest that is active, or else the first one.
pub(crate) fn active_key(keys: &[ScheduledKey], at: Timestamp) -> Option<&SigningKey> {
    let is_active = |it: &&ScheduledKey| it.active_from <= at;
    let newest = keys.iter().rev().find(is_active).or_else(|| keys.first());
    newest.map(|it| &it.key)
}
