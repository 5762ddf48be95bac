//! Address and login of Redis.

use std::time::Duration;

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};
use shared_config::{Reader, Secret, keys};

/// A connection ends when sent data is not acknowledged for this long.
const DEAD_PEER_TIMEOUT: Duration = Duration::from_secs(4);

/// Settings of one service's connection.
#[derive(Debug, Clone, Default)]
pub struct CacheSettings {
    /// Host name.
    pub host: String,
    /// Port.
    pub port: u16,
    /// ACL user; empty for the default user.
    pub username: String,
    /// Its password; empty for none (tests and `make dev` on loopback).
    pub password: Secret<String>,
    /// Prefix of every key; lets tests share one server.
    pub prefix: String,
}

impl CacheSettings {
    /// Reads the settings. A user without a password is refused.
    pub fn from_reader(reader: &mut Reader) -> Self {
        let username = reader.optional(keys::REDIS_USERNAME, "");
        let password = if username.is_empty() {
            Secret::new(reader.optional(keys::REDIS_PASSWORD, ""))
        } else {
            reader.secret(keys::REDIS_PASSWORD)
        };
        Self {
            host: reader.required(keys::REDIS_HOST),
            port: reader.parsed(keys::REDIS_PORT, 6379),
            username,
            password,
            prefix: String::new(),
        }
    }

    /// The settings in the form of the Redis client.
    pub(crate) fn connection(&self) -> ConnectionInfo {
        let mut login = RedisConnectionInfo::default();
        if !self.username.is_empty() {
            login = login.set_username(&self.username);
        }
        if !self.password.expose().is_empty() {
            login = login.set_password(self.password.expose());
        }
        let address = ConnectionAddr::Tcp(self.host.clone(), self.port);
        match address.into_connection_info() {
            Ok(info) => info.set_redis_settings(login).set_tcp_settings(tcp()),
            Err(error) => unreachable_address(&error),
        }
    }
}

/// A vanished node never closes its connections: the kernel detects it within
/// [`DEAD_PEER_TIMEOUT`], by keepalive probes on idle connections.
fn tcp() -> TcpSettings {
    let probes = TcpKeepalive::new()
        .with_time(DEAD_PEER_TIMEOUT / 2)
        .with_interval(Duration::from_secs(1));
    TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(probes)
        .set_user_timeout(DEAD_PEER_TIMEOUT)
}

/// A TCP address always converts; the signature of the client merely allows for failure.
#[expect(clippy::panic, reason = "a TCP address always converts")]
fn unreachable_address(error: &redis::RedisError) -> ! {
    panic!("a TCP address did not convert: {error}")
}
