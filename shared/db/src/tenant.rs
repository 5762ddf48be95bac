//! The tenant transaction: the only way to reach tenant tables.

use std::fmt;

use shared_models::CreatorId;
use sqlx::PgConnection;

use crate::Db;
use crate::transaction::OpenTransaction;

/// A transaction that sees one tenant's rows and no others.
///
/// It rolls back when dropped, which also resets the tenant. Never hold one across a call to
/// another service: it occupies a connection.
pub struct TenantTx {
    inner: OpenTransaction,
    creator: CreatorId,
    after_commit: Vec<AfterCommit>,
}

/// What follows a commit, such as waking a worker. It must be quick, and its loss must be harmless.
type AfterCommit = Box<dyn FnOnce() + Send + Sync>;

impl fmt::Debug for TenantTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantTx")
            .field("creator", &self.creator)
            .field("after_commit", &self.after_commit.len())
            .finish_non_exhaustive()
    }
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
        for effect in self.after_commit {
            effect();
        }
        Ok(())
    }

    /// Runs `effect` after a successful commit, and never otherwise: code that writes rows that
    /// others wait for also says here how they learn of it, so that no caller can forget to.
    pub fn after_commit(&mut self, effect: impl FnOnce() + Send + Sync + 'static) {
        self.after_commit.push(Box::new(effect));
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
        after_commit: Vec::new(),
    })
}
