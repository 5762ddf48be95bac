//! The connection that all commands share, replaced when it stops answering.
//!
//! The Redis client replaces a connection that closes. A connection to a vanished node never
//! closes, and behind a proxy the kernel does not notice either: every command would time out.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, RedisResult};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest wait for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Clones share the connection.
#[derive(Clone)]
pub(crate) struct ReconnectingClient {
    client: Client,
    current: Arc<RwLock<Handle>>,
}

/// One use of the current connection.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) connection: ConnectionManager,
    /// How often the connection had been replaced before.
    number: u64,
}

impl ReconnectingClient {
    /// The first command connects.
    pub(crate) fn to(client: Client) -> RedisResult<Self> {
        let (connection, number) = (connection(&client)?, 0);
        let current = Arc::new(RwLock::new(Handle { connection, number }));
        Ok(Self { client, current })
    }

    /// The present connection.
    pub(crate) fn handle(&self) -> Handle {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Passes the answer on; after a timeout the next use gets a new connection.
    pub(crate) fn report<T>(&self, handle: &Handle, answer: RedisResult<T>) -> RedisResult<T> {
        if answer.as_ref().is_err_and(RedisError::is_timeout) {
            let current = self.current.write();
            let mut current = current.unwrap_or_else(PoisonError::into_inner);
            if current.number == handle.number {
                current.connection = connection(&self.client)?;
                current.number += 1;
            }
        }
        answer
    }
}

fn connection(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}
