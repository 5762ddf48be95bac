//! Copies of rows that are read all the time, emptied by the change of a row.
//!
//! A change leaves a mark in the place of the copy for [`MARK_TTL`], and a copy is only written
//! where nothing is. A reader that has read the row before the change and would store it after
//! the change finds the mark. So a copy never outlives a change that Redis has heard of; one that
//! Redis did not hear of is outlived by the copy for the copy's own lifetime at most.

use std::future::Future;
use std::time::{Duration, Instant};

use redis::RedisResult;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::{Cache, Key};

/// How long after a change no copy is written: longer than a reader takes from reading the row to
/// writing the copy.
const MARK_TTL: Duration = Duration::from_secs(5);
/// A reader that took longer since before it read the row writes no copy.
const FILL_TIMEOUT: Duration = Duration::from_secs(2);
/// A slower Redis would cost more time than it saves.
const READ_TIMEOUT: Duration = Duration::from_millis(100);
/// How long a change waits for Redis before the next attempt.
const INVALIDATE_TIMEOUT: Duration = Duration::from_millis(250);
/// How long the copy of an account's settings may live.
const ACCOUNT_TTL: Duration = Duration::from_secs(30);
/// Attempts to leave the mark.
const INVALIDATE_ATTEMPTS: u32 = 3;

/// Copies of rows of one kind.
#[derive(Debug, Clone)]
pub struct RowCache {
    cache: Cache,
    /// The label of its metrics.
    name: &'static str,
    ttl: Duration,
}

/// When a reader began, before it read the row.
#[derive(Debug, Clone, Copy)]
pub struct ReadStart(Instant);

impl RowCache {
    /// Copies live for `ttl`; `name` is their label in `cache_reads_total`.
    pub const fn new(cache: Cache, name: &'static str, ttl: Duration) -> Self {
        Self { cache, name, ttl }
    }

    /// Copies of `platform.tenant_settings` under [`Key::account_settings`]. channel reads them,
    /// auth ends them when it changes a row.
    pub const fn account_settings(cache: Cache) -> Self {
        Self::new(cache, "account_settings", ACCOUNT_TTL)
    }

    /// Reads a copy. Without one, read the row and hand it to [`RowCache::fill`] with the start.
    /// An unavailable or slow Redis counts as having none.
    pub async fn find<T: DeserializeOwned>(&self, key: &Key) -> Result<T, ReadStart> {
        let start = ReadStart(Instant::now());
        let read = timeout(READ_TIMEOUT, self.cache.read::<T>(key)).await;
        let (outcome, found) = match read {
            Ok(Ok(Some(value))) => ("hit", Ok(value)),
            Ok(Ok(None)) => ("miss", Err(start)),
            Ok(Err(_)) | Err(_) => ("unavailable", Err(start)),
        };
        metrics::counter!("cache_reads_total", "cache" => self.name, "outcome" => outcome)
            .increment(1);
        found
    }

    /// Writes a copy in the background, unless one or the mark of a change is there.
    pub fn fill<T: Serialize>(&self, key: &Key, value: &T, start: ReadStart) {
        let Ok(text) = serde_json::to_string(value) else {
            return;
        };
        let (this, key) = (self.clone(), key.clone());
        tokio::spawn(async move {
            let left = FILL_TIMEOUT.saturating_sub(start.0.elapsed());
            let written = timeout(left, this.cache.write_if_absent(&key, &text, this.ttl)).await;
            if let Ok(Err(error)) = written {
                tracing::debug!(%error, cache = this.name, "copy of a row not written");
            }
        });
    }

    /// Discards a copy after the commit of a change, and waits for it. If Redis does not answer,
    /// readers may see the copy for the rest of its lifetime.
    pub fn invalidate(&self, key: Key) -> impl Future<Output = ()> + Send + use<> {
        let this = self.clone();
        async move {
            for _ in 0..INVALIDATE_ATTEMPTS {
                let marking = this.cache.overwrite(&key, "", MARK_TTL);
                if matches!(timeout(INVALIDATE_TIMEOUT, marking).await, Ok(Ok(()))) {
                    return;
                }
            }
            let (cache, ttl) = (this.name, this.ttl.as_secs());
            tracing::warn!(
                cache,
                ttl,
                "Redis unavailable; a stale copy of a row may be read"
            );
        }
    }
}

impl Cache {
    /// `SET NX`: does nothing if the key has any value.
    async fn write_if_absent(&self, key: &Key, text: &str, ttl: Duration) -> RedisResult<()> {
        let mut command = redis::cmd("SET");
        command.arg(self.full(key)).arg(text).arg("NX");
        command.arg("PX").arg(millis(ttl));
        let mut handle = self.connection.handle();
        let answer = command.query_async(&mut handle.connection).await;
        self.connection.report(&handle, answer)
    }

    async fn overwrite(&self, key: &Key, text: &str, ttl: Duration) -> RedisResult<()> {
        let mut command = redis::cmd("SET");
        command.arg(self.full(key)).arg(text);
        command.arg("PX").arg(millis(ttl));
        let mut handle = self.connection.handle();
        let answer = command.query_async(&mut handle.connection).await;
        self.connection.report(&handle, answer)
    }
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}
