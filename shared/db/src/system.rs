//! Transactions before a tenant is known: login, refresh, widget sessions, the job queue.

use sqlx::PgConnection;

use crate::Db;
use crate::transaction::OpenTransaction;

/// A transaction without a tenant. Row-level security hides every tenant row from it; it may call
/// the SECURITY DEFINER functions that the catalogue test lists.
#[derive(Debug)]
pub struct SystemTx {
    inner: OpenTransaction,
}

impl SystemTx {
    /// The connection, for calling a definer function.
    pub fn conn(&mut self) -> &mut PgConnection {
        self.inner.conn()
    }

    /// Commits.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.inner.commit().await
    }
}

pub(crate) async fn begin(db: &Db) -> sqlx::Result<SystemTx> {
    let inner = OpenTransaction::begin(db, "BEGIN".to_owned()).await?;
    Ok(SystemTx { inner })
}
