//! Addresses of the stores of this test run.

use std::env;

use shared_cache::{Cache, CacheSettings};
use uuid::Uuid;

/// Addresses of the running stores.
#[derive(Debug, Clone)]
pub struct Stores {
    /// PostgreSQL, as superuser.
    pub postgres: String,
    /// Host and port of Redis.
    pub redis: (String, u16),
    /// Base URL of Chroma.
    pub chroma: String,
    /// Base URL of Ollama.
    pub ollama: String,
}

impl Stores {
    /// The stores that `tests/stores/up` started.
    pub fn from_env() -> Self {
        let redis = variable("TEST_REDIS_URL");
        let address = redis.trim_start_matches("redis://").trim_end_matches('/');
        let (host, port) = address.rsplit_once(':').expect("TEST_REDIS_URL has a port");
        Self {
            postgres: variable("TEST_DATABASE_URL"),
            redis: (host.to_owned(), port.parse().expect("a port")),
            chroma: variable("TEST_CHROMA_URL"),
            ollama: variable("TEST_OLLAMA_URL"),
        }
    }

    /// A cache whose keys no other test shares.
    pub fn cache(&self) -> Cache {
        Cache::new(&self.cache_settings()).expect("a Redis address")
    }

    /// Settings of a cache whose keys no other test shares.
    pub fn cache_settings(&self) -> CacheSettings {
        CacheSettings {
            host: self.redis.0.clone(),
            port: self.redis.1,
            prefix: format!("{}:", Uuid::new_v4().simple()),
            ..CacheSettings::default()
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the stores of a test run are"
)]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `make test`, or `. tests/stores/env` after `make stores`")
    })
}
