//! Caches verified credentials, so that a request costs a hash and a lookup, not a signature, and
//! refused API keys, so that an invented one costs a question to auth only once.

use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::credential::Credential;
use crate::identity::Identity;
use crate::revocation::Revocations;

/// A credential is verified again after this time in any case.
const CREDENTIAL_TTL: Duration = Duration::from_mins(1);
/// How long a refused API key is not asked about again. Short: the account of a key may have been
/// suspended, and be active again.
const REFUSAL_TTL: Duration = Duration::from_secs(2);
/// Most credentials cached, about 4 MB.
const CAPACITY: u64 = 10_000;

/// The verified credentials and the refused API keys, keyed by the hash of their text: a memory
/// dump reveals no token.
#[derive(Debug, Clone)]
pub(crate) struct CredentialCache {
    verified: Cache<[u8; 32], (u64, Credential)>,
    refused_keys: Cache<[u8; 32], ()>,
}

impl Default for CredentialCache {
    fn default() -> Self {
        let verified = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(CREDENTIAL_TTL);
        let refused_keys = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(REFUSAL_TTL);
        Self {
            verified: verified.build(),
            refused_keys: refused_keys.build(),
        }
    }
}

impl CredentialCache {
    /// The key of a credential.
    pub(crate) fn key(token: &str) -> [u8; 32] {
        Sha256::digest(token).into()
    }

    /// The cached identity, unless a revocation arrived or may have been missed since.
    pub(crate) fn find(
        &self,
        key: &[u8; 32],
        revocations: &Revocations,
        now: i64,
    ) -> Option<Identity> {
        let (generation, credential) = self.verified.get(key)?;
        let current = revocations.generation() == Some(generation) && credential.expires_at > now;
        let validity = &credential.identity.validity;
        let ended = validity.ended_by(&revocations.received_of(&validity.subjects));
        (current && ended.is_none()).then_some(credential.identity)
    }

    /// Caches what was verified during that generation of [`Revocations`].
    pub(crate) fn insert(&self, key: [u8; 32], generation: u64, credential: Credential) {
        self.verified.insert(key, (generation, credential));
    }

    /// Whether this credential was verified, or refused, moments ago.
    pub(crate) fn contains(&self, key: &[u8; 32]) -> bool {
        self.verified.contains_key(key) || self.is_refused(key)
    }

    /// Whether auth said moments ago that there is no such API key.
    pub(crate) fn is_refused(&self, key: &[u8; 32]) -> bool {
        self.refused_keys.contains_key(key)
    }

    /// Remembers that there is no such API key.
    pub(crate) fn insert_refused(&self, key: [u8; 32]) {
        self.refused_keys.insert(key, ());
    }
}
