//! A connection of the pool that goes back within a bounded time, whatever became of its work.

use std::future::Future;
use std::io::ErrorKind;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::Db;
use crate::dead_peers::{self, StaleConnections};

/// Dropped, it goes back to the pool, or ends where nobody knows what it stands at.
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

    /// It must not serve anybody again.
    pub(crate) fn discard(&mut self) {
        self.inner.close_on_drop();
        self.discarded = true;
    }
}

impl Drop for PooledConnection {
    /// Nobody waits for sqlx's query whether it still answers.
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

/// Does it once more where the connection had died unseen, on one that is new: all of an earlier
/// time have most likely died with it, as they do when the server starts anew.
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

/// Whether the connection is gone.
pub(crate) fn is_disconnected(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // Said to an idle connection before it closes: by an administrator, or after a crash.
        sqlx::Error::Database(cause) => matches!(cause.code().as_deref(), Some("57P01" | "57P02")),
        _ => false,
    }
}

/// Waits for what must be quick. A connection that stays silent takes all of its time with it.
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
