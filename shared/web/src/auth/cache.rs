//! Credentials verified lately, so that one costs a hash and a lookup instead of a signature.

use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::creator::{Caller, Creator};
use super::revocation::{Revocations, Subject};

/// A credential is verified anew after so long in any case.
const LIFE: Duration = Duration::from_mins(1);
/// Most credentials remembered, about 4 MB.
const CAPACITY: u64 = 10_000;

/// A verified credential.
#[derive(Debug, Clone)]
pub(crate) struct Credential {
    pub(crate) creator: Creator,
    /// What it falls with.
    pub(crate) subjects: Vec<Subject>,
    /// When it was signed or asked for, milliseconds of the epoch.
    pub(crate) issued: i64,
    /// When it ends, seconds of the epoch.
    pub(crate) ends: i64,
}

impl Credential {
    /// What Redis is asked about. Of a key's maker it is not: auth has just answered with what that
    /// one may do now. Whatever is heard of the maker later has auth asked again.
    pub(crate) fn in_question(&self) -> Vec<Subject> {
        let by_key = matches!(self.creator.caller, Caller::ApiKey { .. });
        let answered = |subject: &Subject| by_key && matches!(subject, Subject::User(_));
        let all = self.subjects.iter().copied();
        all.filter(|subject| !answered(subject)).collect()
    }

    /// The subject whose revocation ends this credential.
    pub(crate) fn ended_by(&self, revoked: &[(Subject, i64)]) -> Option<Subject> {
        let ends = |(subject, at): &(Subject, i64)| match subject {
            Subject::User(_) => *at >= self.issued,
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

/// The verified credentials, by the hash of their text: a dump of this memory opens nothing.
#[derive(Debug, Clone)]
pub(crate) struct Remembered(Cache<[u8; 32], (u64, Credential)>);

impl Default for Remembered {
    fn default() -> Self {
        let cache = Cache::builder().max_capacity(CAPACITY).time_to_live(LIFE);
        Self(cache.build())
    }
}

impl Remembered {
    /// The key of a credential.
    pub(crate) fn key(token: &str) -> [u8; 32] {
        Sha256::digest(token).into()
    }

    /// The credential, if nothing was missed and nothing was heard against it since.
    pub(crate) fn find(
        &self,
        key: &[u8; 32],
        revocations: &Revocations,
        now: i64,
    ) -> Option<Creator> {
        let (epoch, credential) = self.0.get(key)?;
        let current = revocations.epoch() == Some(epoch) && credential.ends > now;
        let heard: Vec<_> = credential
            .subjects
            .iter()
            .filter_map(|subject| Some((*subject, revocations.heard(*subject)?)))
            .collect();
        (current && credential.ended_by(&heard).is_none()).then_some(credential.creator)
    }

    /// Remembers what was verified while `epoch` held.
    pub(crate) fn insert(&self, key: [u8; 32], epoch: u64, credential: Credential) {
        self.0.insert(key, (epoch, credential));
    }
}
