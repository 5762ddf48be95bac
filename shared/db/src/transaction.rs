//! An open transaction whose connection returns to the pool however the transaction ends.
//!
//! With sqlx's own transaction the server is pinged twice on return to the pool: once by sqlx, and
//! once by us, since only our ping had a timeout. Here sqlx's ping has one.

use sqlx::postgres::PgTransactionManager;
use sqlx::{AssertSqlSafe, PgConnection, SqlSafeStr as _};
use sqlx_core::transaction::TransactionManager as _;
use tracing::Instrument as _;

use crate::Db;
use crate::connection::{PooledConnection, retry_once_on_disconnect, with_timeout};
use crate::detach_on_drop::DetachOnDrop;

/// Rolls back when dropped.
#[derive(Debug)]
pub(crate) struct OpenTransaction {
    connection: PooledConnection,
    begun: bool,
}

impl OpenTransaction {
    /// Begins with these statements. It runs to completion even if the caller is cancelled: the
    /// transaction then rolls back and the connection stays usable.
    pub(crate) async fn begin(db: &Db, sql: String) -> sqlx::Result<Self> {
        let db = db.clone();
        let begin = async move {
            let attempt = || Self::begin_once(&db, sql.clone());
            retry_once_on_disconnect(&db.dead_peers, attempt).await
        };
        DetachOnDrop::new(begin.in_current_span()).await
    }

    async fn begin_once(db: &Db, sql: String) -> sqlx::Result<Self> {
        let mut open = Self {
            connection: PooledConnection::acquire(db).await?,
            begun: false,
        };
        let sql = AssertSqlSafe(sql).into_sql_str();
        let begin = PgTransactionManager::begin(open.connection.conn(), Some(sql));
        with_timeout(&db.dead_peers, begin).await?;
        open.begun = true;
        Ok(open)
    }

    /// The connection.
    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        self.connection.conn()
    }

    /// Commits.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        PgTransactionManager::commit(self.connection.conn()).await
    }
}

impl Drop for OpenTransaction {
    /// The rollback is sent together with the ping on return to the pool.
    fn drop(&mut self) {
        if self.begun {
            PgTransactionManager::start_rollback(self.connection.conn());
        } else {
            // sqlx 0.9 does not roll back a half-finished BEGIN (sqlx issue 4385): the next request
            // on this connection would run as this tenant.
            self.connection.discard();
        }
    }
}
