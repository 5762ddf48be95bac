//! Address and login of Redis.

use std::time::Duration;

use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo,
    RedisResult, TlsCertificates,
};
use shared_config::{Reader, Secret, keys};

/// A connection ends when sent data is not acknowledged for this long.
const DEAD_PEER_TIMEOUT: Duration = Duration::from_secs(4);

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CacheTls {
    /// Not encrypted: Redis is in the platform's own network.
    #[default]
    Off,
    /// Encrypted; the server's certificate must be valid for its host name.
    Verified {
        /// Certificates of the authority that it is verified with, PEM; without them those of the
        /// web.
        ca: Option<String>,
    },
}

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
    /// Encryption of the connection.
    pub tls: CacheTls,
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
        let tls = tls(reader);
        Self {
            host: reader.required(keys::REDIS_HOST),
            port: reader.parsed(keys::REDIS_PORT, 6379),
            username,
            password,
            tls,
            prefix: String::new(),
        }
    }

    /// The client of the server; it connects later.
    pub(crate) fn client(&self) -> RedisResult<Client> {
        match &self.tls {
            CacheTls::Off => Client::open(self.connection(false)),
            CacheTls::Verified { ca } => {
                let root_cert = ca.as_ref().map(|ca| ca.clone().into_bytes());
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert,
                };
                Client::build_with_tls(self.connection(true), certificates)
            }
        }
    }

    /// The settings in the form of the Redis client.
    fn connection(&self, is_encrypted: bool) -> ConnectionInfo {
        let mut login = RedisConnectionInfo::default();
        if !self.username.is_empty() {
            login = login.set_username(&self.username);
        }
        if !self.password.expose().is_empty() {
            login = login.set_password(self.password.expose());
        }
        let host = self.host.clone();
        let address = if is_encrypted {
            ConnectionAddr::TcpTls {
                host,
                port: self.port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, self.port)
        };
        match address.into_connection_info() {
            Ok(info) => info.set_redis_settings(login).set_tcp_settings(tcp()),
            Err(error) => unreachable_address(&error),
        }
    }
}

fn tls(reader: &mut Reader) -> CacheTls {
    let ca = reader.certificates(keys::REDIS_CA);
    if reader.parsed(keys::REDIS_TLS, false) {
        return CacheTls::Verified { ca };
    }
    if ca.is_some() {
        reader.problem(keys::REDIS_CA, "needs REDIS_TLS to be true");
    }
    CacheTls::Off
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
