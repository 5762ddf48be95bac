//! A lock that one process at a time holds, and that ends by itself when its holder dies.
//!
//! It bounds work; it does not guard data: when Redis loses its keys, two may hold it for a while.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{RedisResult, Script};
use uuid::Uuid;

use crate::{Cache, Key};

/// Renews the lock; takes it again when Redis has lost it and nobody else holds it.
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
",
    )
});

/// Ends the lock if it is still ours.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
",
    )
});

/// A lock that is held. Dropped without [`Lock::release`], it ends after its life.
#[derive(Debug)]
pub struct Lock {
    cache: Cache,
    key: Key,
    holder: Uuid,
    life: Duration,
}

impl Lock {
    /// Acquires the lock for `life`; none when somebody else holds it.
    pub async fn acquire(cache: &Cache, key: Key, life: Duration) -> RedisResult<Option<Self>> {
        let lock = Self {
            cache: cache.clone(),
            key,
            holder: Uuid::new_v4(),
            life,
        };
        Ok(lock.renew().await?.then_some(lock))
    }

    /// Renews the lock for its life; false when somebody else holds it by now.
    pub async fn renew(&self) -> RedisResult<bool> {
        let milliseconds = u64::try_from(self.life.as_millis()).unwrap_or(u64::MAX);
        let mut handle = self.cache.connection.handle();
        let mut call = RENEW.prepare_invoke();
        call.key(self.cache.full(&self.key));
        call.arg(self.holder.to_string()).arg(milliseconds);
        let answer = call.invoke_async(&mut handle.connection).await;
        let held: u8 = self.cache.connection.report(&handle, answer)?;
        Ok(held == 1)
    }

    /// Ends the lock, so that another may acquire it at once.
    pub async fn release(self) -> RedisResult<()> {
        let mut handle = self.cache.connection.handle();
        let mut call = RELEASE.prepare_invoke();
        call.key(self.cache.full(&self.key));
        call.arg(self.holder.to_string());
        let answer = call.invoke_async(&mut handle.connection).await;
        self.cache
            .connection
            .report::<u8>(&handle, answer)
            .map(|_| ())
    }
}
