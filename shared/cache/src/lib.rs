#![doc = include_str!("../README.md")]

pub mod keys;
pub mod lease;
pub mod limit;
mod line;
mod lock;
pub mod settings;

pub use keys::Key;
pub use lease::Leases;
pub use limit::{Limit, Verdict};
pub use lock::Lock;
pub use settings::CacheSettings;

use std::time::Duration;

use redis::aio::PubSub;
use redis::{AsyncCommands as _, Client, RedisResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared_models::CreatorId;

/// Keys that Redis looks at in one step of a search.
const SCAN_STEP: u32 = 1_000;

use crate::line::Line;

/// Redis, seen by one service's user. Clones share one multiplexed connection.
#[derive(Clone)]
pub struct Cache {
    client: Client,
    line: Line,
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
    /// Sets up the connection without connecting: it comes up with the first command.
    pub fn new(settings: &CacheSettings) -> RedisResult<Self> {
        let client = Client::open(settings.connection())?;
        let line = Line::to(client.clone())?;
        Ok(Self {
            client,
            line,
            prefix: settings.prefix.clone(),
        })
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> RedisResult<()> {
        let mut turn = self.line.turn();
        let answer = redis::cmd("PING").query_async(&mut turn.connection).await;
        self.line.end(&turn, answer)
    }

    /// Reads a JSON value; one that no longer parses counts as absent.
    pub async fn read<T: DeserializeOwned>(&self, key: &Key) -> RedisResult<Option<T>> {
        let mut turn = self.line.turn();
        let answer = turn.connection.get(self.full(key)).await;
        let text: Option<String> = self.line.end(&turn, answer)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Reads JSON values in one round trip, in the order of the keys.
    pub async fn read_all<T: DeserializeOwned>(&self, keys: &[Key]) -> RedisResult<Vec<Option<T>>> {
        let mut pipe = redis::pipe();
        for key in keys {
            pipe.get(self.full(key));
        }
        let mut turn = self.line.turn();
        let answer = pipe.query_async(&mut turn.connection).await;
        let texts: Vec<Option<String>> = self.line.end(&turn, answer)?;
        let parse = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(texts.into_iter().map(parse).collect())
    }

    /// Writes a JSON value that lives for `life`; every cache key has an end.
    pub async fn write<T: Serialize + Sync>(
        &self,
        key: &Key,
        value: &T,
        life: Duration,
    ) -> RedisResult<()> {
        let Ok(text) = serde_json::to_string(value) else {
            return Ok(());
        };
        let seconds = life.as_secs().max(1);
        let mut turn = self.line.turn();
        let answer = turn.connection.set_ex(self.full(key), text, seconds).await;
        self.line.end(&turn, answer)
    }

    /// Drops a value.
    pub async fn forget(&self, key: &Key) -> RedisResult<()> {
        let mut turn = self.line.turn();
        let answer = turn.connection.del(self.full(key)).await;
        self.line.end(&turn, answer)
    }

    /// Tells whoever listens now; a hint that may be lost.
    pub async fn publish(&self, key: &Key, message: &str) -> RedisResult<()> {
        let mut turn = self.line.turn();
        let answer = turn.connection.publish(self.full(key), message).await;
        self.line.end(&turn, answer)
    }

    /// Listens to one channel on a connection of its own. Subscribe first, then read the truth:
    /// what was published before is gone.
    pub async fn subscribe(&self, key: &Key) -> RedisResult<PubSub> {
        let mut subscription = self.client.get_async_pubsub().await?;
        subscription.subscribe(self.full(key)).await?;
        Ok(subscription)
    }

    /// Listens to channels that come and go, on a connection of its own; [`Cache::channel`] names
    /// them.
    pub async fn listen(&self) -> RedisResult<PubSub> {
        self.client.get_async_pubsub().await
    }

    /// The name of a channel as the server knows it.
    pub fn channel(&self, key: &Key) -> String {
        self.full(key)
    }

    /// Takes `cost` from a limit, or says how long to wait.
    pub async fn take(&self, key: &Key, limit: &Limit, cost: u32) -> RedisResult<Verdict> {
        self.take_all(&[(key.clone(), *limit)], cost).await
    }

    /// Takes `cost` from each of the limits, or from none and says how long to wait; one round
    /// trip. In a cluster the keys must share a slot.
    pub async fn take_all(&self, limits: &[(Key, Limit)], cost: u32) -> RedisResult<Verdict> {
        Ok(self.take_up_to(limits, cost, 0).await?.0)
    }

    /// Takes `cost` from each of the limits, or from none; and up to `advance` more, of which it
    /// says how many they were.
    async fn take_up_to(
        &self,
        limits: &[(Key, Limit)],
        cost: u32,
        advance: u32,
    ) -> RedisResult<(Verdict, u32)> {
        let limits: Vec<_> = limits
            .iter()
            .map(|(key, limit)| (self.full(key), *limit))
            .collect();
        let mut turn = self.line.turn();
        let answer = limit::take(&mut turn.connection, &limits, cost, advance).await;
        self.line.end(&turn, answer)
    }

    /// Drops every key of a tenant, and says how many there were. Revocations stay until they end
    /// by themselves: they are what keeps the tenant's tokens from working.
    pub async fn forget_tenant(&self, creator: CreatorId) -> RedisResult<u64> {
        let pattern = self.full(&Key::all_of(creator));
        let (mut dropped, mut cursor) = (0, 0_u64);
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern);
            scan.arg("COUNT").arg(SCAN_STEP);
            let mut turn = self.line.turn();
            let answer = scan.query_async(&mut turn.connection).await;
            let (next, mut keys): (u64, Vec<String>) = self.line.end(&turn, answer)?;
            keys.retain(|key| !Key::is_revocation(key));
            if !keys.is_empty() {
                let answer = turn.connection.unlink(keys).await;
                dropped += self.line.end::<u64>(&turn, answer)?;
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
