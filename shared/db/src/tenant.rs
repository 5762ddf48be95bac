//! The tenant transaction: the only way to reach tenant tables.

use std::future::Future;

use shared_models::CreatorId;
use sqlx::PgConnection;

use crate::Db;
use crate::effect::{AfterCommit, Effect};
use crate::transaction::OpenTransaction;

/// A transaction that sees one tenant's rows and no others.
///
/// It rolls back when dropped, which also resets the tenant. Never hold one across a call to
/// another service: it occupies a connection.
#[derive(Debug)]
pub struct TenantTx {
    inner: OpenTransaction,
    creator: CreatorId,
    after_commit: AfterCommit,
}

impl TenantTx {
    /// The connection, for a statement of a `store/` module.
    pub fn conn(&mut self) -> &mut PgConnection {
        self.inner.conn()
    }

    /// The tenant whose rows this transaction sees.
    pub const fn creator(&self) -> CreatorId {
        self.creator
    }

    /// Commits. Respond to a request only after this has returned.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.inner.commit().await?;
        self.after_commit.run().await;
        Ok(())
    }

    /// Writes an effect in this transaction; what follows it happens after the commit by itself.
    pub async fn apply<E: Effect>(&mut self, effect: E) -> sqlx::Result<E::Output> {
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

/// What a transaction may do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access {
    /// Read only.
    Read,
    /// Read and write.
    Write,
}

/// Begins the transaction and sets the tenant in one round trip.
pub(crate) async fn begin(db: &Db, creator: CreatorId, access: Access) -> sqlx::Result<TenantTx> {
    let mode = match access {
        Access::Read => "BEGIN READ ONLY",
        Access::Write => "BEGIN",
    };
    // A UUID prints hex digits and hyphens only, so nothing can be injected here.
    let sql = format!(
        "{mode}; SET LOCAL app.current_creator_id = '{}'",
        creator.as_uuid()
    );
    let inner = OpenTransaction::begin(db, sql).await?;
    Ok(TenantTx {
        inner,
        creator,
        after_commit: AfterCommit::default(),
    })
}
