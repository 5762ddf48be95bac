#![doc = include_str!("../README.md")]

mod connection;
pub mod constraint;
mod dead_peers;
mod detach_on_drop;
pub mod effect;
pub mod fault;
pub mod idempotency;
pub mod migrate;
mod query;
pub mod settings;
pub mod system;
pub mod tenant;
pub mod tenant_data;
mod transaction;

pub use constraint::on_constraint;
pub use effect::Effect;
pub use fault::{is_conflict, is_unavailable};
pub use settings::DatabaseSettings;
pub use system::SystemTx;
pub use tenant::TenantTx;

use std::time::Duration;

use shared_models::CreatorId;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Executor as _, PgPool, Postgres};

use crate::dead_peers::StaleConnections;

/// The settings of each session of a service: statements, since a pooler such as `PgBouncer`
/// refuses them as options of the connection.
const SESSION: &str =
    "set statement_timeout = '15s'; set idle_in_transaction_session_timeout = '10s'";

/// The platform's database, as the role of one service.
#[derive(Debug, Clone)]
pub struct Db {
    pool: PgPool,
    dead_peers: StaleConnections,
}

impl Db {
    /// Sets up the pool without connecting: a service starts while its database is unavailable, and
    /// reports that in `/readyz`.
    pub fn new(settings: &DatabaseSettings) -> Self {
        Self::connect_lazy(settings.options(), settings.max_connections)
    }

    /// The same database over one connection of its own: for what must go on while requests have
    /// taken all the others.
    #[must_use]
    pub fn reserve(&self) -> Self {
        Self::connect_lazy((*self.pool.connect_options()).clone(), 1)
    }

    fn connect_lazy(options: PgConnectOptions, max_connections: u32) -> Self {
        let dead_peers = StaleConnections::new();
        let pool_options = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(Duration::from_secs(3))
            // A ping would cost a round trip for each acquire; `tenant` retries once instead.
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(SESSION).await.map(|_| ()) })
            });
        let pool = dead_peers.install(pool_options).connect_lazy_with(options);
        Self { pool, dead_peers }
    }

    /// Begins a transaction that reads and writes the rows of one tenant.
    pub async fn tenant(&self, creator: CreatorId) -> sqlx::Result<TenantTx> {
        tenant::begin(self, creator, tenant::Access::Write).await
    }

    /// Begins a read-only transaction of one tenant; it may be dropped without a commit.
    pub async fn tenant_read(&self, creator: CreatorId) -> sqlx::Result<TenantTx> {
        tenant::begin(self, creator, tenant::Access::Read).await
    }

    /// Begins a transaction without a tenant: it sees no tenant row, and may call the definer
    /// functions for what runs before a tenant is known.
    pub async fn system(&self) -> sqlx::Result<SystemTx> {
        system::begin(self).await
    }

    /// Calls a read-only function: a definer function before a tenant is known, or one that is
    /// given the tenant. The statement itself sees no tenant row, like [`Db::system`], and takes
    /// one round trip instead of two.
    pub async fn look_up<'q>(
        &self,
        query: impl Fn() -> Query<'q, Postgres, PgArguments>,
    ) -> sqlx::Result<Option<PgRow>> {
        query::fetch_optional(self, query).await
    }

    /// Checks that the database answers.
    pub async fn ping(&self) -> sqlx::Result<()> {
        self.look_up(|| sqlx::query("select")).await.map(|_| ())
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
