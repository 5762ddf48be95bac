//! What no longer holds before it ends by itself: told to every service within a second.
//!
//! Redis keeps each revocation as long as an access token lives, and a message tells of it at
//! once. A verified credential is remembered only while that message would arrive: without the
//! subscription every request asks Redis.

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

/// A subscription that has brought nothing for so long is asked whether it still lives: a node
/// that vanishes takes its connections along without an end. Twice this is well below a second.
const SILENCE: Duration = Duration::from_millis(400);
/// What is published to hear it again.
const BEAT: &str = "";
/// Between two attempts to subscribe.
const RETRY: Duration = Duration::from_millis(250);
/// So many revocations are kept before those that no longer matter are dropped.
const CROWDED: usize = 1_000;
/// Clocks may differ by so much, and a revocation is kept longer by it.
const MARGIN: Duration = Duration::from_mins(1);

/// What is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Subject {
    /// One sign-in, for good.
    Session(SessionId),
    /// Every token of a user signed until now: the role has changed. New ones hold.
    User(UserId),
    /// A whole account, until it is lifted.
    Tenant(CreatorId),
    /// An API key, for good.
    ApiKey(ApiKeyId),
    /// Every token that a key has signed, for good: it is somebody else's, too.
    SigningKey(Uuid),
}

impl Subject {
    /// The key that is published by that name.
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

/// What the message says.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Notice {
    subject: Subject,
    /// Milliseconds of the epoch; absent when the revocation is lifted.
    at: Option<i64>,
    /// When no credential is left that it could end, milliseconds of the epoch.
    until: i64,
}

/// Since when a subject is revoked, and how long that matters; milliseconds of the epoch.
#[derive(Debug, Clone, Copy)]
struct Revoked {
    at: i64,
    until: i64,
}

/// Revokes, and knows what is revoked. Clones share one subscription, which ends with the last.
#[derive(Debug, Clone)]
pub struct Revocations(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cache: Cache,
    heard: Arc<Heard>,
    _end: DropGuard,
}

/// What the subscription has brought.
#[derive(Debug, Default)]
struct Heard {
    /// Odd while subscribed; another number after each break.
    epoch: AtomicU64,
    /// Revoked while subscribed.
    revoked: RwLock<HashMap<Subject, Revoked>>,
    /// Tells of each notice; holds the epoch.
    changes: watch::Sender<u64>,
}

impl Revocations {
    /// Begins to listen. Needs a tokio runtime; connects in the background.
    pub fn listen(cache: Cache) -> Self {
        let (heard, end) = (Arc::new(Heard::default()), CancellationToken::new());
        let listener = follow(cache.clone(), Arc::clone(&heard));
        let stopped = end.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(listener).await });
        Self(Arc::new(Shared {
            cache,
            heard,
            _end: end.drop_guard(),
        }))
    }

    /// Revokes; `life` is how long an access token lives. Call it after the commit of what it
    /// follows from, and answer 503 when it fails, so that the caller repeats it.
    pub async fn revoke(&self, subject: Subject, life: Duration) -> RedisResult<()> {
        let at = Timestamp::now().as_millisecond();
        let kept = life + MARGIN;
        self.0.cache.write(&subject.key(), &at, kept).await?;
        let until = at.saturating_add(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
        let at = Some(at);
        self.tell(&Notice { subject, at, until }).await
    }

    /// Takes a revocation back: an account works again.
    pub async fn lift(&self, subject: Subject) -> RedisResult<()> {
        self.0.cache.forget(&subject.key()).await?;
        let (at, until) = (None, 0);
        self.tell(&Notice { subject, at, until }).await
    }

    /// Wakes whoever follows it at each notice. The number is odd while notices arrive, and another
    /// one after a break, in which some may have been missed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.heard.changes.subscribe()
    }

    /// Whether a notice has told that the subject is revoked.
    pub fn is_heard(&self, subject: Subject) -> bool {
        self.heard(subject).is_some()
    }

    async fn tell(&self, notice: &Notice) -> RedisResult<()> {
        let text = serde_json::to_string(notice).unwrap_or_default();
        self.0.cache.publish(&Key::revocations(), &text).await
    }

    /// Asks Redis which of the subjects are revoked, and since when.
    pub(crate) async fn ask(&self, subjects: &[Subject]) -> RedisResult<Vec<(Subject, i64)>> {
        let keys: Vec<Key> = subjects.iter().map(|subject| subject.key()).collect();
        let found: Vec<Option<i64>> = self.0.cache.read_all(&keys).await?;
        let pairs = subjects.iter().copied().zip(found);
        Ok(pairs.filter_map(|(s, at)| Some((s, at?))).collect())
    }

    /// The number under which a verified credential may be remembered; none without subscription.
    pub(crate) fn epoch(&self) -> Option<u64> {
        let epoch = self.0.heard.epoch.load(Ordering::Acquire);
        (epoch % 2 == 1).then_some(epoch)
    }

    /// When the subject was revoked, as far as the subscription has brought it.
    pub(crate) fn heard(&self, subject: Subject) -> Option<i64> {
        let revoked = self.0.heard.revoked.read().ok()?;
        revoked.get(&subject).map(|revoked| revoked.at)
    }
}

/// Listens for ever; each break forgets what was heard, since something may have been missed.
async fn follow(cache: Cache, heard: Arc<Heard>) {
    loop {
        match cache.subscribe(&Key::revocations()).await {
            Ok(mut subscription) => {
                heard.turn();
                hear(&cache, subscription.on_message(), &heard).await;
                heard.turn();
                if let Ok(mut revoked) = heard.revoked.write() {
                    revoked.clear();
                }
                tracing::warn!("no longer told of revocations; every request asks Redis");
            }
            Err(cause) => tracing::debug!(%cause, "cannot subscribe to revocations"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Takes what arrives, until the subscription ends or no longer brings what is published.
async fn hear(cache: &Cache, messages: impl Stream<Item = Msg>, heard: &Heard) {
    let (mut messages, mut asked) = (pin!(messages), false);
    loop {
        match timeout(SILENCE, messages.next()).await {
            Ok(None) => return,
            Ok(Some(message)) => {
                asked = false;
                if let Ok(text) = message.get_payload::<String>()
                    && text != BEAT
                {
                    heard.take(&text);
                }
            }
            Err(_) if asked => return,
            Err(_) => {
                asked = true;
                if cache.publish(&Key::revocations(), BEAT).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Heard {
    /// A subscription begins or ends.
    fn turn(&self) {
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        self.changes.send_replace(epoch);
    }

    fn take(&self, text: &str) {
        let Ok(Notice { subject, at, until }) = serde_json::from_str(text) else {
            tracing::warn!("a notice of revocation that cannot be read");
            return;
        };
        let Ok(mut revoked) = self.revoked.write() else {
            return;
        };
        if revoked.len() >= CROWDED {
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
