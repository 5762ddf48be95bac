#![doc = include_str!("../README.md")]

pub mod keys;
pub mod limit;
pub mod settings;

pub use keys::Key;
pub use limit::{Limit, Verdict};
pub use settings::CacheSettings;

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSub};
use redis::{AsyncCommands as _, Client, RedisResult};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Redis, seen by one service's user. Clones share one multiplexed connection.
#[derive(Clone)]
pub struct Cache {
    client: Client,
    manager: ConnectionManager,
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
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_millis(500)));
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
        Ok(Self {
            client,
            manager,
            prefix: settings.prefix.clone(),
        })
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> RedisResult<()> {
        redis::cmd("PING")
            .query_async(&mut self.manager.clone())
            .await
    }

    /// Reads a JSON value; one that no longer parses counts as absent.
    pub async fn read<T: DeserializeOwned>(&self, key: &Key) -> RedisResult<Option<T>> {
        let text: Option<String> = self.manager.clone().get(self.full(key)).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Reads JSON values in one round trip, in the order of the keys.
    pub async fn read_all<T: DeserializeOwned>(&self, keys: &[Key]) -> RedisResult<Vec<Option<T>>> {
        let mut pipe = redis::pipe();
        for key in keys {
            pipe.get(self.full(key));
        }
        let texts: Vec<Option<String>> = pipe.query_async(&mut self.manager.clone()).await?;
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
        self.manager
            .clone()
            .set_ex(self.full(key), text, seconds)
            .await
    }

    /// Drops a value.
    pub async fn forget(&self, key: &Key) -> RedisResult<()> {
        self.manager.clone().del(self.full(key)).await
    }

    /// Tells whoever listens now; a hint that may be lost.
    pub async fn publish(&self, key: &Key, message: &str) -> RedisResult<()> {
        self.manager.clone().publish(self.full(key), message).await
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
        let limits: Vec<_> = limits
            .iter()
            .map(|(key, limit)| (self.full(key), *limit))
            .collect();
        limit::take(&mut self.manager.clone(), &limits, cost).await
    }

    fn full(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }
}
