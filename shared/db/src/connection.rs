//! A pooled connection that returns to the pool within a bounded time, whatever state it is in.

use std::future::Future;
use std::io::ErrorKind;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::Db;
use crate::dead_peers::{self, StaleConnections};

/// Returns to the pool when dropped, or closes when its protocol state is unknown.
#[derive(Debug)]
pub(crate) struct PooledConnection {
    inner: PoolConnection<Postgres>,
    dead_peers: StaleConnections,
    discarded: bool,
}

impl PooledConnection {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub(crate) async fn acquire(db: &Db) -> sqlx::Result<Self> {
        Ok(Self {
            inner: db.pool.acquire().await?,
            dead_peers: db.dead_peers.clone(),
            discarded: false,
        })
    }

    /// The connection.
    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// Closes the connection on drop instead of returning it to the pool.
    pub(crate) fn discard(&mut self) {
        self.inner.close_on_drop();
        self.discarded = true;
    }
}

impl Drop for PooledConnection {
    /// Returns in the background: no caller waits for sqlx's check whether it still answers.
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else {
            return; // at the end of the process; the connection ends, too
        };
        if self.discarded {
            return;
        }
        let (back, dead_peers) = (self.inner.return_to_pool(), self.dead_peers.clone());
        runtime.spawn(async move {
            if timeout(dead_peers::RESPONSE_TIMEOUT, back).await.is_err() {
                dead_peers.mark();
            }
        });
    }
}

/// Retries once on a new connection if this one had died unnoticed. Older connections have most
/// likely died with it, as they do when the server restarts, and are closed too.
pub(crate) async fn retry_once_on_disconnect<T, F>(
    dead_peers: &StaleConnections,
    attempt: impl Fn() -> F,
) -> sqlx::Result<T>
where
    F: Future<Output = sqlx::Result<T>>,
{
    match attempt().await {
        Err(error) if is_disconnected(&error) => {
            dead_peers.mark();
            attempt().await
        }
        result => result,
    }
}

/// Whether the error means that the connection is closed.
pub(crate) fn is_disconnected(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // Sent to an idle connection before it closes: by an administrator, or after a crash.
        sqlx::Error::Database(cause) => matches!(cause.code().as_deref(), Some("57P01" | "57P02")),
        _ => false,
    }
}

/// Waits at most [`dead_peers::RESPONSE_TIMEOUT`]. A timeout marks all connections opened before
/// it as stale.
pub(crate) async fn with_timeout<T>(
    dead_peers: &StaleConnections,
    answer: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    let Ok(result) = timeout(dead_peers::RESPONSE_TIMEOUT, answer).await else {
        dead_peers.mark();
        return Err(std::io::Error::from(ErrorKind::TimedOut).into());
    };
    result
}
