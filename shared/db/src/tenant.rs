//! The tenant transaction: the only road to tenant tables.

use shared_models::CreatorId;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, SqlSafeStr as _, Transaction};
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::{Db, silence};

/// A transaction that sees one tenant's rows and no others.
///
/// Dropped, it rolls back, and with it goes the tenant. Never hold one over a call to another
/// service: it occupies a connection.
#[derive(Debug)]
pub struct TenantTx {
    inner: Transaction<'static, Postgres>,
    creator: CreatorId,
}

impl TenantTx {
    /// The connection, for a statement of a `store/` module.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// The tenant whose rows this transaction sees.
    pub const fn creator(&self) -> CreatorId {
        self.creator
    }

    /// Makes the writes last. Answer a request only after this has returned.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.inner.commit().await
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

/// Opens the transaction and names the tenant in one round trip.
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
    let inner = begin_whole(db, sql).await?;
    Ok(TenantTx { inner, creator })
}

/// Begins in a task of its own: sqlx 0.9 returns a connection to the pool in an open transaction
/// when its begin is cancelled half-way (sqlx issue 4385), and then the next request would run as
/// this tenant. The task finishes even when the caller goes away, and its result rolls back.
pub(crate) async fn begin_whole(
    db: &Db,
    sql: String,
) -> sqlx::Result<Transaction<'static, Postgres>> {
    let db = db.clone();
    let begin = async move {
        match begin_once(&db, sql.clone()).await {
            // A pooled connection may have died unseen: nothing was done yet, so once more.
            Err(sqlx::Error::Io(_)) => begin_once(&db, sql).await,
            result => result,
        }
    };
    tokio::spawn(begin.in_current_span())
        .await
        .map_err(|_| sqlx::Error::WorkerCrashed)?
}

/// A begin that gets no answer is cancelled after all: noticed before `begin` drops, the silence
/// keeps its connection out of the pool.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
async fn begin_once(db: &Db, sql: String) -> sqlx::Result<Transaction<'static, Postgres>> {
    let connection = db.pool.acquire().await?;
    let mut begin = Transaction::begin(connection, Some(AssertSqlSafe(sql).into_sql_str()));
    if let Ok(result) = timeout(silence::PATIENCE, &mut begin).await {
        return result;
    }
    db.silence.notice();
    Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())
}
