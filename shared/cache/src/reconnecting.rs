//! The connection that all commands share, replaced when it no longer answers.
//!
//! The client replaces one that ends. One to a node that has vanished does not end, and behind a
//! proxy the kernel does not find out either: every command would wait in vain for ever.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, RedisResult};

/// The longest way to a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest wait for an answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Clones share the connection.
#[derive(Clone)]
pub(crate) struct ReconnectingClient {
    client: Client,
    current: Arc<RwLock<Handle>>,
}

/// One use of the connection.
#[derive(Clone)]
pub(crate) struct Handle {
    /// To send the command by.
    pub(crate) connection: ConnectionManager,
    /// How often it was replaced before.
    number: u64,
}

impl ReconnectingClient {
    /// Does not connect: that comes with the first command.
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

    /// Passes the answer on. If none came in time, whoever comes next gets another connection.
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
