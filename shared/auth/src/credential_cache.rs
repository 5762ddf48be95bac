//! Caches verified credentials, so that a request costs a hash and a lookup, not a signature, and
//! refused API keys, so that an invented one costs a question to auth only once.

use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::identity::{Identity, Principal};
use crate::revocation::{Revocations, Subject};

/// A credential is verified again after this time in any case.
const CREDENTIAL_TTL: Duration = Duration::from_mins(1);
/// How long a refused API key is not asked about again. Short: the account of a key may have been
/// suspended, and be active again.
const REFUSAL_TTL: Duration = Duration::from_secs(2);
/// Most credentials cached, about 4 MB.
const CAPACITY: u64 = 10_000;

/// A verified credential.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) identity: Identity,
    /// A revocation of any of these may end the credential.
    pub(crate) subjects: Vec<Subject>,
    /// When it was signed or resolved, milliseconds since the epoch.
    pub(crate) issued_at: i64,
    /// When it expires, seconds since the epoch.
    pub(crate) expires_at: i64,
}

impl Credential {
    /// The subjects to look up in Redis. The creator of an API key is left out: auth has just
    /// answered with what that user may do now, and a later revocation has auth asked again.
    pub(crate) fn subjects_to_look_up(&self) -> Vec<Subject> {
        let by_key = matches!(self.identity.principal, Principal::ApiKey { .. });
        let answered = |subject: &Subject| by_key && matches!(subject, Subject::User(_));
        let all = self.subjects.iter().copied();
        all.filter(|subject| !answered(subject)).collect()
    }

    /// The subject whose revocation ends this credential, given when each was revoked.
    pub(crate) fn ended_by(&self, revoked: &[(Subject, i64)]) -> Option<Subject> {
        let ends = |(subject, revoked_at): &(Subject, i64)| match subject {
            Subject::User(_) => *revoked_at >= self.issued_at,
            Subject::Session(_)
            | Subject::Tenant(_)
            | Subject::ApiKey(_)
            | Subject::SigningKey(_) => true,
        };
        revoked
            .iter()
            .find(|entry| ends(entry))
            .map(|entry| entry.0)
    }
}

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
        let received: Vec<_> = credential
            .subjects
            .iter()
            .filter_map(|subject| Some((*subject, revocations.received(*subject)?)))
            .collect();
        (current && credential.ended_by(&received).is_none()).then_some(credential.identity)
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
