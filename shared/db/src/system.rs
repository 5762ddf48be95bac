//! Transactions before a tenant is known: login, refresh, widget sessions, the job queue.

use std::future::Future;

use sqlx::PgConnection;

use crate::Db;
use crate::effect::{AfterCommit, Effect};
use crate::transaction::OpenTransaction;

/// A transaction without a tenant. Row-level security hides every tenant row from it; it may call
/// the SECURITY DEFINER functions that the catalogue test lists.
#[derive(Debug)]
pub struct SystemTx {
    inner: OpenTransaction,
    after_commit: AfterCommit,
}

impl SystemTx {
    /// The connection, for calling a definer function.
    pub fn conn(&mut self) -> &mut PgConnection {
        self.inner.conn()
    }

    /// Commits.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.inner.commit().await?;
        self.after_commit.run().await;
        Ok(())
    }

    /// Writes an effect in this transaction; what follows it happens after the commit by itself.
    pub async fn apply<E: Effect<Self>>(&mut self, effect: E) -> sqlx::Result<E::Output> {
        effect.write(self).await
    }

    /// Runs `action` after a successful commit, and never otherwise. For the `write` of an
    /// [`Effect`]: a caller would forget it.
    pub fn after_commit(&mut self, action: impl FnOnce() + Send + Sync + 'static) {
        self.after_commit.push(action);
    }

    /// Like [`Self::after_commit`], and [`Self::commit`] returns only when `action` has ended. It
    /// must end soon, whatever is unavailable.
    pub fn after_commit_await<F>(&mut self, action: impl FnOnce() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.after_commit.push_awaited(action);
    }
}

pub(crate) async fn begin(db: &Db) -> sqlx::Result<SystemTx> {
    let inner = OpenTransaction::begin(db, "BEGIN".to_owned()).await?;
    Ok(SystemTx {
        inner,
        after_commit: AfterCommit::default(),
    })
}
