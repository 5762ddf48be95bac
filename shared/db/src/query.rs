//! A query before the tenant is known, in one round trip.

use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;

use crate::Db;
use crate::connection::{
    PooledConnection, is_disconnected, retry_once_on_disconnect, with_timeout,
};

/// Runs outside a transaction: its BEGIN would be a second round trip.
pub(crate) async fn fetch_optional<'q>(
    db: &Db,
    query: impl Fn() -> Query<'q, Postgres, PgArguments>,
) -> sqlx::Result<Option<PgRow>> {
    retry_once_on_disconnect(&db.dead_peers, || fetch_once(db, query())).await
}

async fn fetch_once(
    db: &Db,
    query: Query<'_, Postgres, PgArguments>,
) -> sqlx::Result<Option<PgRow>> {
    let mut connection = PooledConnection::acquire(db).await?;
    let answer = with_timeout(&db.dead_peers, query.fetch_optional(connection.conn())).await;
    if answer.as_ref().is_err_and(is_disconnected) {
        connection.discard();
    }
    answer
}
