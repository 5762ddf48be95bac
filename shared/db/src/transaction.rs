//! An open transaction, whose connection goes back to the pool whatever becomes of it.
//!
//! sqlx's own asks the server twice on the way back, once for us and once for itself, since only
//! what we ask ourselves has a limit of time. Here its own question has one.

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgTransactionManager;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, SqlSafeStr as _};
use sqlx_core::transaction::TransactionManager as _;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::Db;
use crate::silence::{self, Silence};

/// Dropped, it rolls back.
pub(crate) struct OpenTransaction {
    connection: PoolConnection<Postgres>,
    silence: Silence,
    begun: bool,
}

impl std::fmt::Debug for OpenTransaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenTransaction").finish_non_exhaustive()
    }
}

impl OpenTransaction {
    /// Begins by those statements, in a task of its own: whoever goes away half-way leaves a
    /// transaction that rolls back, and a connection that serves the next one.
    pub(crate) async fn begin(db: &Db, sql: String) -> sqlx::Result<Self> {
        let db = db.clone();
        let begin = async move {
            match Self::begin_once(&db, sql.clone()).await {
                // A pooled connection may have died unseen: nothing was done yet, so once more.
                Err(sqlx::Error::Io(_)) => Self::begin_once(&db, sql).await,
                result => result,
            }
        };
        tokio::spawn(begin.in_current_span())
            .await
            .map_err(|_| sqlx::Error::WorkerCrashed)?
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    async fn begin_once(db: &Db, sql: String) -> sqlx::Result<Self> {
        let mut open = Self {
            connection: db.pool.acquire().await?,
            silence: db.silence.clone(),
            begun: false,
        };
        let sql = AssertSqlSafe(sql).into_sql_str();
        let begin = PgTransactionManager::begin(&mut open.connection, Some(sql));
        let Ok(result) = timeout(silence::PATIENCE, begin).await else {
            db.silence.notice();
            return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
        };
        result?;
        open.begun = true;
        Ok(open)
    }

    /// The connection.
    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Makes the writes last.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        PgTransactionManager::commit(&mut self.connection).await
    }
}

impl Drop for OpenTransaction {
    /// A rollback is sent together with sqlx's question whether the connection still answers, and
    /// nobody waits for either.
    fn drop(&mut self) {
        if !self.begun {
            // sqlx 0.9 does not roll back what was begun half-way (sqlx issue 4385): the next
            // request on that connection would run as this tenant.
            self.connection.close_on_drop();
            return;
        }
        PgTransactionManager::start_rollback(&mut self.connection);
        let (back, silence) = (self.connection.return_to_pool(), self.silence.clone());
        let Ok(runtime) = Handle::try_current() else {
            return; // at the end of the process; the connection ends, too
        };
        runtime.spawn(async move {
            if timeout(silence::PATIENCE, back).await.is_err() {
                silence.notice();
            }
        });
    }
}
