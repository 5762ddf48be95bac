//! Addresses of the stores of this test run.

use std::env;

use shared_cache::{Cache, CacheSettings};
use shared_config::{Secret, Service, redis_acl};
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

    /// The same as the ACL user of a service, which may do in Redis what it may do on a platform.
    pub fn as_service(&self, settings: &CacheSettings, service: Service) -> CacheSettings {
        let CacheSettings { prefix, .. } = settings;
        let username = format!("{}-{}", service.name(), prefix.trim_end_matches(':'));
        let password = Uuid::new_v4().simple().to_string();
        let address = format!("redis://{}:{}", self.redis.0, self.redis.1);
        let client = redis::Client::open(address).expect("a Redis address");
        let mut connection = client.get_connection().expect("Redis runs");
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg(&username).arg("reset").arg("on");
        command.arg(format!(">{password}"));
        for rule in split_rules(&redis_acl::rules(service, prefix)) {
            command.arg(rule);
        }
        let () = command.exec(&mut connection).expect("valid ACL rules");
        CacheSettings {
            username,
            password: Secret::new(password),
            ..settings.clone()
        }
    }
}

/// The rules of a user as arguments: a selector in parentheses is one.
fn split_rules(rules: &str) -> Vec<&str> {
    let (root, selector) = match rules.split_once(" (") {
        Some((root, _)) => (root, rules.get(root.len() + 1..)),
        None => (rules, None),
    };
    root.split_whitespace().chain(selector).collect()
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
