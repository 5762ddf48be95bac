//! Revocations: every service learns within a second that a credential no longer holds.
//!
//! A revocation is a row of `platform.revocations`, written in the transaction of the change that
//! it follows from. Redis has a copy, and a pub/sub message announces it. auth keeps an epoch in
//! Redis as long as the copy is complete: a service that finds it missing or changed loads the rows
//! before it believes Redis. A verified credential is cached only while the epoch stands and a
//! message would arrive: otherwise every request reads Redis.

mod live;
mod publisher;
mod redis_copy;
mod rows;
mod subscription;

use std::sync::Arc;

use redis::RedisError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared_cache::{Cache, Key};
use shared_db::Db;
use shared_models::{ApiKeyId, CreatorId, SessionId, UserId};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub use self::publisher::{PublishError, RevocationPublisher};
pub use self::rows::RecordRevocations;

use self::live::{LiveRows, Unavailable};
use self::redis_copy::Stored;
use self::subscription::Received;

/// What is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Subject {
    /// One session, permanently.
    Session(SessionId),
    /// All tokens of a user signed until now: the role changed. Newer tokens are valid.
    User(UserId),
    /// All credentials of an account, until the suspension is lifted.
    Tenant(CreatorId),
    /// An API key, permanently.
    ApiKey(ApiKeyId),
    /// All tokens signed by this key, permanently: the key has leaked.
    SigningKey(Uuid),
}

impl Subject {
    /// The signing key with that `kid`.
    pub fn signing_key(kid: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(kid).into();
        let (first, _) = hash.split_first_chunk().unwrap_or((&[0; 16], &[]));
        Self::SigningKey(uuid::Builder::from_custom_bytes(*first).into_uuid())
    }

    /// The kind and the id, as rows and keys have them.
    const fn parts(self) -> (&'static str, Uuid) {
        match self {
            Self::Session(id) => ("session", id.as_uuid()),
            Self::User(id) => ("user", id.as_uuid()),
            Self::Tenant(id) => ("tenant", id.as_uuid()),
            Self::ApiKey(id) => ("api_key", id.as_uuid()),
            Self::SigningKey(id) => ("signing_key", id),
        }
    }

    /// None for a kind that this version does not know.
    fn from_parts(kind: &str, id: Uuid) -> Option<Self> {
        Some(match kind {
            "session" => Self::Session(id.into()),
            "user" => Self::User(id.into()),
            "tenant" => Self::Tenant(id.into()),
            "api_key" => Self::ApiKey(id.into()),
            "signing_key" => Self::SigningKey(id),
            _ => return None,
        })
    }

    fn key(self) -> Key {
        let (kind, id) = self.parts();
        Key::revoked(kind, id)
    }

    fn version_key(self) -> Key {
        let (kind, id) = self.parts();
        Key::revocation_version(kind, id)
    }
}

/// What a service knows of revocations. Clones share one subscription, which ends with the last.
#[derive(Debug, Clone)]
pub struct Revocations(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cache: Cache,
    received: Arc<Received>,
    live: LiveRows,
    /// For while Redis fails. These are loads of their own: a Redis that fails now and then would
    /// otherwise have the rows loaded for each change between answer and failure.
    live_without_redis: LiveRows,
    _end: DropGuard,
}

/// What is known of the subjects of a credential.
#[derive(Debug)]
pub(crate) struct LookUp {
    /// The revoked subjects, and since when in milliseconds since the epoch.
    pub(crate) revoked: Vec<(Subject, i64)>,
    /// Whether that is all: true if Redis has everything, false if it had to be completed or
    /// replaced by rows, so that the answer must not be cached, and an error if the rows could not
    /// be loaded.
    pub(crate) cacheable: Result<bool, Unavailable>,
}

impl Revocations {
    /// Starts to listen in the background. Needs a tokio runtime.
    pub fn listen(cache: Cache, db: Db) -> Self {
        let (received, end) = (Arc::new(Received::default()), CancellationToken::new());
        let listener = subscription::run(cache.clone(), Arc::clone(&received));
        let stopped = end.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(listener).await });
        Self(Arc::new(Shared {
            cache,
            received,
            live: LiveRows::new(db.clone()),
            live_without_redis: LiveRows::new(db),
            _end: end.drop_guard(),
        }))
    }

    /// Changes with each notice. The value is odd while subscribed, and differs after anything
    /// that may have hidden a notice: an interruption, or another epoch of Redis.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.received.changes()
    }

    /// Whether verified credentials are answered from memory now.
    pub fn is_caching(&self) -> bool {
        self.generation().is_some()
    }

    /// Whether a notice has revoked the subject.
    pub fn is_revoked_locally(&self, subject: Subject) -> bool {
        self.received(subject).is_some()
    }

    /// Which of the subjects are revoked, and since when: by one round trip to Redis and, unless
    /// its epoch is the one of the last load, by the rows of PostgreSQL. If Redis fails, by the
    /// rows alone.
    pub(crate) async fn look_up(&self, subjects: &[Subject]) -> LookUp {
        let (found, epoch) = match redis_copy::read(&self.0.cache, subjects).await {
            Ok(answer) => answer,
            Err(cause) => return self.look_up_without_redis(subjects, &cause).await,
        };
        let loaded = self.0.live.current_for(epoch).await;
        let since = |(subject, stored): (&Subject, Option<Stored>)| {
            let row = loaded.as_ref().ok().and_then(|rows| rows.find(*subject));
            let at = match (stored, row) {
                (Some(Stored::Revoked(at)), _) => Some(at),
                (Some(Stored::Lifted(version)), Some(row)) => {
                    (row.version > version).then_some(row.at)
                }
                (Some(Stored::Lifted(_)), None) => None,
                (None, row) => row.map(|row| row.at).or_else(|| self.received(*subject)),
            };
            Some((*subject, at?))
        };
        let revoked = subjects.iter().zip(found).filter_map(since).collect();
        let cacheable = loaded.map(|rows| rows.covers(epoch));
        LookUp { revoked, cacheable }
    }

    /// The rows are the truth, and at most a second old. If they cannot be loaded either, what was
    /// known to be revoked remains so.
    async fn look_up_without_redis(&self, subjects: &[Subject], redis: &RedisError) -> LookUp {
        let live = &self.0.live_without_redis;
        let loaded = live.current_for(None).await;
        let known = match &loaded {
            Ok(rows) => vec![Arc::clone(rows)],
            Err(_) => vec![live.last(), self.0.live.last()],
        };
        let since = |subject: &Subject| {
            // The rows know of a lift whose message was lost with Redis.
            if loaded.as_ref().is_ok_and(|rows| rows.is_lifted(*subject)) {
                return None;
            }
            let row = known.iter().find_map(|rows| rows.find(*subject));
            let at = row.map(|row| row.at).or_else(|| self.received(*subject));
            Some((*subject, at?))
        };
        LookUp {
            revoked: subjects.iter().filter_map(since).collect(),
            cacheable: loaded
                .as_ref()
                .map(|_| false)
                .map_err(|rows| rows.and_redis(redis)),
        }
    }

    /// What a verified credential may be cached under; none unless notices arrive and the epoch
    /// of Redis stands.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.0.received.generation()
    }

    /// When the subject was revoked, as far as the subscription has received it.
    pub(crate) fn received(&self, subject: Subject) -> Option<i64> {
        self.0.received.find(subject)
    }

    /// Those of the subjects that the subscription has received as revoked, and since when.
    pub(crate) fn received_of(&self, subjects: &[Subject]) -> Vec<(Subject, i64)> {
        let all = subjects.iter();
        all.filter_map(|subject| Some((*subject, self.received(*subject)?)))
            .collect()
    }
}
