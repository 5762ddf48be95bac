//! Revocations: every service learns within a second that a credential no longer holds.
//!
//! Redis keeps each revocation for the lifetime of an access token, and a pub/sub message
//! announces it. A verified credential is cached only while that message would arrive: without
//! the subscription, every request reads Redis.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use redis::{Msg, RedisResult};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared_cache::{Cache, Key};
use shared_models::{ApiKeyId, CreatorId, SessionId, UserId};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// After this time without a message the subscription is probed: a vanished node never closes its
/// connections. Twice this time is well below a second.
const PROBE_INTERVAL: Duration = Duration::from_millis(400);
/// The payload of a probe.
const PROBE: &str = "";
/// Between two attempts to subscribe.
const RESUBSCRIBE_INTERVAL: Duration = Duration::from_millis(250);
/// Revocations held in memory before expired ones are dropped.
const PRUNE_THRESHOLD: usize = 1_000;
/// Tolerated clock difference; revocations are kept longer by it.
const CLOCK_MARGIN: Duration = Duration::from_mins(1);

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

    fn key(self) -> Key {
        let (kind, id): (_, Uuid) = match self {
            Self::Session(id) => ("session", id.as_uuid()),
            Self::User(id) => ("user", id.as_uuid()),
            Self::Tenant(id) => ("tenant", id.as_uuid()),
            Self::ApiKey(id) => ("api_key", id.as_uuid()),
            Self::SigningKey(id) => ("signing_key", id),
        };
        Key::revoked(kind, id)
    }
}

/// The pub/sub message.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Notice {
    subject: Subject,
    /// When it was revoked, milliseconds since the epoch; absent when the revocation is lifted.
    at: Option<i64>,
    /// When the last affected credential has expired, milliseconds since the epoch.
    until: i64,
}

/// When a subject was revoked and until when that matters, milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
struct Revoked {
    at: i64,
    until: i64,
}

/// Publishes and receives revocations. Clones share one subscription, which ends with the last.
#[derive(Debug, Clone)]
pub struct Revocations(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cache: Cache,
    received: Arc<Received>,
    _end: DropGuard,
}

/// What the subscription has received.
#[derive(Debug, Default)]
struct Received {
    /// Odd while subscribed; changes with each interruption.
    epoch: AtomicU64,
    /// Revoked while subscribed.
    revoked: RwLock<HashMap<Subject, Revoked>>,
    /// Signals each notice; the value is the epoch.
    changes: watch::Sender<u64>,
}

impl Revocations {
    /// Starts the subscription in the background. Needs a tokio runtime.
    pub fn listen(cache: Cache) -> Self {
        let (received, end) = (Arc::new(Received::default()), CancellationToken::new());
        let listener = run_subscription(cache.clone(), Arc::clone(&received));
        let stopped = end.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(listener).await });
        Self(Arc::new(Shared {
            cache,
            received,
            _end: end.drop_guard(),
        }))
    }

    /// Revokes a subject; `token_ttl` is the lifetime of an access token. Call it after the commit
    /// of the change, and answer 503 when it fails, so that the caller repeats the request.
    pub async fn revoke(&self, subject: Subject, token_ttl: Duration) -> RedisResult<()> {
        let at = Timestamp::now().as_millisecond();
        let kept = token_ttl + CLOCK_MARGIN;
        self.0.cache.write(&subject.key(), &at, kept).await?;
        let until = at.saturating_add(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
        let at = Some(at);
        self.publish(&Notice { subject, at, until }).await
    }

    /// Lifts a revocation: the account is active again.
    pub async fn lift(&self, subject: Subject) -> RedisResult<()> {
        self.0.cache.forget(&subject.key()).await?;
        let (at, until) = (None, 0);
        self.publish(&Notice { subject, at, until }).await
    }

    /// Changes with each notice. The value is odd while subscribed, and differs after an
    /// interruption, during which notices may have been missed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.received.changes.subscribe()
    }

    /// Whether a notice has revoked the subject.
    pub fn is_revoked_locally(&self, subject: Subject) -> bool {
        self.received(subject).is_some()
    }

    async fn publish(&self, notice: &Notice) -> RedisResult<()> {
        let text = serde_json::to_string(notice).unwrap_or_default();
        self.0.cache.publish(&Key::revocations(), &text).await
    }

    /// Reads from Redis which of the subjects are revoked, and since when.
    pub(crate) async fn look_up(&self, subjects: &[Subject]) -> RedisResult<Vec<(Subject, i64)>> {
        let keys: Vec<Key> = subjects.iter().map(|subject| subject.key()).collect();
        let found: Vec<Option<i64>> = self.0.cache.read_all(&keys).await?;
        let pairs = subjects.iter().copied().zip(found);
        Ok(pairs.filter_map(|(s, at)| Some((s, at?))).collect())
    }

    /// The epoch under which a verified credential may be cached; none without a subscription.
    pub(crate) fn epoch(&self) -> Option<u64> {
        let epoch = self.0.received.epoch.load(Ordering::Acquire);
        (epoch % 2 == 1).then_some(epoch)
    }

    /// When the subject was revoked, as far as the subscription has received it.
    pub(crate) fn received(&self, subject: Subject) -> Option<i64> {
        let revoked = self.0.received.revoked.read().ok()?;
        revoked.get(&subject).map(|revoked| revoked.at)
    }
}

/// Subscribes forever. An interruption clears what was received, since notices may be missing.
async fn run_subscription(cache: Cache, received: Arc<Received>) {
    loop {
        match cache.subscribe(&Key::revocations()).await {
            Ok(mut subscription) => {
                received.next_epoch();
                receive(&cache, subscription.on_message(), &received).await;
                received.next_epoch();
                if let Ok(mut revoked) = received.revoked.write() {
                    revoked.clear();
                }
                tracing::warn!(
                    "revocation subscription lost; every request reads Redis until it is back"
                );
            }
            Err(cause) => tracing::debug!(%cause, "cannot subscribe to revocations; will retry"),
        }
        tokio::time::sleep(RESUBSCRIBE_INTERVAL).await;
    }
}

/// Receives until the subscription ends or a probe does not come back.
async fn receive(cache: &Cache, messages: impl Stream<Item = Msg>, received: &Received) {
    let mut messages = pin!(messages);
    let mut probing = false;
    loop {
        match timeout(PROBE_INTERVAL, messages.next()).await {
            Ok(None) => return,
            Ok(Some(message)) => {
                probing = false;
                if let Ok(text) = message.get_payload::<String>()
                    && text != PROBE
                {
                    received.apply(&text);
                }
            }
            Err(_) if probing => return,
            Err(_) => {
                probing = true;
                if cache.publish(&Key::revocations(), PROBE).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Received {
    /// A subscription began or ended.
    fn next_epoch(&self) {
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        self.changes.send_replace(epoch);
    }

    fn apply(&self, text: &str) {
        let Ok(Notice { subject, at, until }) = serde_json::from_str(text) else {
            tracing::warn!("revocation notice is malformed; ignored");
            return;
        };
        let Ok(mut revoked) = self.revoked.write() else {
            return;
        };
        if revoked.len() >= PRUNE_THRESHOLD {
            let now = Timestamp::now().as_millisecond();
            revoked.retain(|_, kept| kept.until > now);
        }
        match at {
            Some(at) => revoked.insert(subject, Revoked { at, until }),
            None => revoked.remove(&subject),
        };
        drop(revoked);
        self.changes.send_modify(|_| ());
    }
}
