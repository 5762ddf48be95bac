//! Receives revocations as they are announced, and notices when one may have been missed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::RwLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, future};
use jiff::Timestamp;
use redis::aio::PubSub;
use serde::{Deserialize, Serialize};
use shared_cache::{Cache, Key};
use tokio::sync::watch;
use tokio::time::timeout;

use super::rows::RevocationRow;
use super::{Subject, redis_copy};

/// After this time without a message the subscription is probed: a vanished node never closes its
/// connections. Twice this time is well below a second.
const PROBE_INTERVAL: Duration = Duration::from_millis(400);
/// Between two attempts to subscribe.
const RESUBSCRIBE_INTERVAL: Duration = Duration::from_millis(250);
/// How often the epoch is read, for the sake of credentials that are answered from memory.
const EPOCH_INTERVAL: Duration = Duration::from_millis(400);
/// Revocations held in memory before expired ones are dropped.
const PRUNE_THRESHOLD: usize = 1_000;
/// No epoch; Redis never has this number.
const NO_EPOCH: i64 = 0;

/// The pub/sub message.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Notice {
    subject: Subject,
    /// When it was revoked, milliseconds since the epoch; absent when the revocation is lifted.
    at: Option<i64>,
    /// When the last affected credential has expired, milliseconds since the epoch.
    until: i64,
}

impl Notice {
    pub(super) fn of(row: &RevocationRow) -> Self {
        Self {
            subject: row.subject,
            at: (!row.lifted).then_some(row.at),
            until: row.until,
        }
    }

    pub(super) fn to_text(self) -> String {
        serde_json::to_string(&self).unwrap_or_default()
    }
}

/// When a subject was revoked and until when that matters, milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
struct Revoked {
    at: i64,
    until: i64,
}

/// What the subscription has received.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// Odd while subscribed; changes with each interruption and each epoch of Redis.
    generation: AtomicU64,
    /// The epoch that Redis had last.
    epoch: AtomicI64,
    /// Revoked while subscribed.
    revoked: RwLock<HashMap<Subject, Revoked>>,
    /// Signals each notice; the value is the generation.
    changes: watch::Sender<u64>,
}

impl Received {
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// None without a subscription or an epoch.
    pub(super) fn generation(&self) -> Option<u64> {
        let generation = self.generation.load(Ordering::Acquire);
        let known = self.epoch.load(Ordering::Acquire) != NO_EPOCH;
        (known && generation % 2 == 1).then_some(generation)
    }

    pub(super) fn find(&self, subject: Subject) -> Option<i64> {
        let revoked = self.revoked.read().ok()?;
        revoked.get(&subject).map(|revoked| revoked.at)
    }

    /// A subscription began or ended.
    fn switch(&self) {
        self.advance(1);
    }

    /// Redis has this epoch now. Another one than before, or none, means that revocations may be
    /// missing that were never announced.
    fn observe(&self, epoch: Option<i64>) {
        let epoch = epoch.unwrap_or(NO_EPOCH);
        if self.epoch.swap(epoch, Ordering::AcqRel) != epoch {
            self.advance(2);
        }
    }

    fn advance(&self, by: u64) {
        let generation = self.generation.fetch_add(by, Ordering::AcqRel) + by;
        self.changes.send_replace(generation);
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

/// Receives notices and observes the epoch, forever.
pub(super) async fn run(cache: Cache, received: Arc<Received>) {
    future::join(subscribe(&cache, &received), watch_epoch(&cache, &received)).await;
}

/// Subscribes forever. An interruption clears what was received, since notices may be missing.
async fn subscribe(cache: &Cache, received: &Received) {
    loop {
        match cache.subscribe(&Key::revocations()).await {
            Ok(subscription) => {
                received.switch();
                receive(cache, subscription, received).await;
                received.switch();
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

/// Receives until the subscription ends or a probe is not answered.
async fn receive(cache: &Cache, subscription: PubSub, received: &Received) {
    let channel = cache.channel(&Key::revocations());
    let (mut sink, mut messages) = subscription.split();
    loop {
        match timeout(PROBE_INTERVAL, messages.next()).await {
            Ok(None) => return,
            Ok(Some(message)) => {
                // Releases up to 0.1 probe by an empty message.
                if let Ok(text) = message.get_payload::<String>()
                    && !text.is_empty()
                {
                    received.apply(&text);
                }
            }
            // To subscribe again changes nothing and is answered. Most services may not publish
            // here, so a message to oneself is no probe.
            Err(_) => match timeout(PROBE_INTERVAL, sink.subscribe(&channel)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            },
        }
    }
}

/// Reads the epoch again and again. Without an answer there is none.
async fn watch_epoch(cache: &Cache, received: &Received) {
    loop {
        let epoch = redis_copy::read_epoch(cache).await;
        received.observe(epoch.ok().flatten());
        tokio::time::sleep(EPOCH_INTERVAL).await;
    }
}
