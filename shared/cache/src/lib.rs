#![doc = include_str!("../README.md")]

pub mod keys;
pub mod limit;
mod lock;
pub mod prefetch;
mod reconnecting;
mod row_cache;
pub mod settings;

pub use keys::Key;
pub use limit::{Decision, Limit};
pub use lock::Lock;
pub use prefetch::PrefetchingLimiter;
pub use row_cache::{ReadStart, RowCache};
pub use settings::{CacheSettings, CacheTls};

use std::time::Duration;

use redis::aio::PubSub;
use redis::{AsyncCommands as _, Client, FromRedisValue, RedisResult, Script};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared_models::CreatorId;

/// Keys per SCAN step.
const SCAN_STEP: u32 = 1_000;

use crate::reconnecting::ReconnectingClient;

/// Redis, as the ACL user of one service. Clones share one multiplexed connection.
#[derive(Clone)]
pub struct Cache {
    client: Client,
    connection: ReconnectingClient,
    prefix: String,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// Prepares the connection; the first command connects.
    pub fn new(settings: &CacheSettings) -> RedisResult<Self> {
        let client = settings.client()?;
        let connection = ReconnectingClient::to(client.clone())?;
        Ok(Self {
            client,
            connection,
            prefix: settings.prefix.clone(),
        })
    }

    /// Checks that Redis answers.
    pub async fn ping(&self) -> RedisResult<()> {
        let mut handle = self.connection.handle();
        let answer = redis::cmd("PING").query_async(&mut handle.connection).await;
        self.connection.report(&handle, answer)
    }

    /// Reads a JSON value; one that no longer parses counts as absent.
    pub async fn read<T: DeserializeOwned>(&self, key: &Key) -> RedisResult<Option<T>> {
        let mut handle = self.connection.handle();
        let answer = handle.connection.get(self.full(key)).await;
        let text: Option<String> = self.connection.report(&handle, answer)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Reads JSON values by one MGET, in the order of the keys.
    pub async fn read_all<T: DeserializeOwned>(&self, keys: &[Key]) -> RedisResult<Vec<Option<T>>> {
        let mut command = redis::cmd("MGET");
        for key in keys {
            command.arg(self.full(key));
        }
        let mut handle = self.connection.handle();
        let answer = command.query_async(&mut handle.connection).await;
        let texts: Vec<Option<String>> = self.connection.report(&handle, answer)?;
        let parse = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(texts.into_iter().map(parse).collect())
    }

    /// Writes a JSON value that expires after `ttl`; every cache key expires.
    pub async fn write<T: Serialize + Sync>(
        &self,
        key: &Key,
        value: &T,
        ttl: Duration,
    ) -> RedisResult<()> {
        let Ok(text) = serde_json::to_string(value) else {
            return Ok(());
        };
        let seconds = ttl.as_secs().max(1);
        let mut handle = self.connection.handle();
        let answer = handle
            .connection
            .set_ex(self.full(key), text, seconds)
            .await;
        self.connection.report(&handle, answer)
    }

    /// Deletes a value.
    pub async fn forget(&self, key: &Key) -> RedisResult<()> {
        let mut handle = self.connection.handle();
        let answer = handle.connection.del(self.full(key)).await;
        self.connection.report(&handle, answer)
    }

    /// Runs a script over these keys, atomically and in one round trip.
    pub async fn run_script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[Key],
        arguments: &[String],
    ) -> RedisResult<T> {
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(self.full(key));
        }
        for argument in arguments {
            call.arg(argument);
        }
        let mut handle = self.connection.handle();
        let answer = call.invoke_async(&mut handle.connection).await;
        self.connection.report(&handle, answer)
    }

    /// Publishes to current subscribers. Delivery is not guaranteed.
    pub async fn publish(&self, key: &Key, message: &str) -> RedisResult<()> {
        let mut handle = self.connection.handle();
        let answer = handle.connection.publish(self.full(key), message).await;
        self.connection.report(&handle, answer)
    }

    /// Subscribes to one channel on a connection of its own. Subscribe first, then read the
    /// current state: earlier messages are not delivered.
    pub async fn subscribe(&self, key: &Key) -> RedisResult<PubSub> {
        let mut subscription = self.client.get_async_pubsub().await?;
        subscription.subscribe(self.full(key)).await?;
        Ok(subscription)
    }

    /// A subscription without channels, on a connection of its own; [`Cache::channel`] gives their
    /// names.
    pub async fn listen(&self) -> RedisResult<PubSub> {
        self.client.get_async_pubsub().await
    }

    /// The full name of a channel on the server.
    pub fn channel(&self, key: &Key) -> String {
        self.full(key)
    }

    /// Takes `cost` from a limit, or returns how long to wait.
    pub async fn take(&self, key: &Key, limit: &Limit, cost: u32) -> RedisResult<Decision> {
        self.take_all(&[(key.clone(), *limit)], cost).await
    }

    /// Gives back `cost` that [`Cache::take`] took: the request was not what the limit counts.
    pub async fn give_back(&self, key: &Key, limit: &Limit, cost: u32) -> RedisResult<()> {
        let key = self.full(key);
        let mut handle = self.connection.handle();
        let answer = limit::give_back(&mut handle.connection, &key, limit, cost).await;
        self.connection.report(&handle, answer)
    }

    /// Takes `cost` from each limit, or from none and returns how long to wait. One round trip; in
    /// a cluster the keys must share a slot.
    pub async fn take_all(&self, limits: &[(Key, Limit)], cost: u32) -> RedisResult<Decision> {
        Ok(self.take_up_to(limits, cost, 0).await?.0)
    }

    /// Like [`Cache::take_all`], and takes up to `advance` more; returns how many more it took.
    async fn take_up_to(
        &self,
        limits: &[(Key, Limit)],
        cost: u32,
        advance: u32,
    ) -> RedisResult<(Decision, u32)> {
        let limits: Vec<_> = limits
            .iter()
            .map(|(key, limit)| (self.full(key), *limit))
            .collect();
        let mut handle = self.connection.handle();
        let answer = limit::take(&mut handle.connection, &limits, cost, advance).await;
        self.connection.report(&handle, answer)
    }

    /// Deletes all keys of a tenant and returns their number. Revocations stay until they expire:
    /// they keep the tenant's tokens from working.
    pub async fn forget_tenant(&self, creator: CreatorId) -> RedisResult<u64> {
        let pattern = self.full(&Key::all_of(creator));
        let (mut dropped, mut cursor) = (0, 0_u64);
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern);
            scan.arg("COUNT").arg(SCAN_STEP);
            let mut handle = self.connection.handle();
            let answer = scan.query_async(&mut handle.connection).await;
            let (next, mut keys): (u64, Vec<String>) = self.connection.report(&handle, answer)?;
            keys.retain(|key| !Key::is_revocation(key));
            if !keys.is_empty() {
                let answer = handle.connection.unlink(keys).await;
                dropped += self.connection.report::<u64>(&handle, answer)?;
            }
            if next == 0 {
                return Ok(dropped);
            }
            cursor = next;
        }
    }

    fn full(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }
}
