//! An open transaction, whose connection goes back to the pool whatever becomes of it.
//!
//! sqlx's own asks the server twice on the way back, once for us and once for itself, since only
//! what we ask ourselves has a limit of time. Here its own query has one.

use sqlx::postgres::PgTransactionManager;
use sqlx::{AssertSqlSafe, PgConnection, SqlSafeStr as _};
use sqlx_core::transaction::TransactionManager as _;
use tracing::Instrument as _;

use crate::Db;
use crate::connection::{PooledConnection, retry_once_on_disconnect, with_timeout};
use crate::detach_on_drop::DetachOnDrop;

/// Dropped, it rolls back.
#[derive(Debug)]
pub(crate) struct OpenTransaction {
    connection: PooledConnection,
    begun: bool,
}

impl OpenTransaction {
    /// Begins by those statements, to the end: whoever goes away half-way leaves a transaction that
    /// rolls back, and a connection that serves the next one.
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

    /// Makes the writes last.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        PgTransactionManager::commit(self.connection.conn()).await
    }
}

impl Drop for OpenTransaction {
    /// A rollback is sent together with the query of the way back.
    fn drop(&mut self) {
        if self.begun {
            PgTransactionManager::start_rollback(self.connection.conn());
        } else {
            // sqlx 0.9 does not roll back what was begun half-way (sqlx issue 4385): the next
            // request on that connection would run as this tenant.
            self.connection.discard();
        }
    }
}
