//! One question before a tenant is known, in one round trip.

use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;

use crate::Db;
use crate::connection::{Borrowed, is_gone, promptly, undying};

/// Asks outside of any transaction, whose begin would be a second round trip.
pub(crate) async fn ask<'q>(
    db: &Db,
    question: impl Fn() -> Query<'q, Postgres, PgArguments>,
) -> sqlx::Result<Option<PgRow>> {
    undying(&db.silence, || ask_once(db, question())).await
}

async fn ask_once(
    db: &Db,
    question: Query<'_, Postgres, PgArguments>,
) -> sqlx::Result<Option<PgRow>> {
    let mut connection = Borrowed::acquire(db).await?;
    let answer = promptly(&db.silence, question.fetch_optional(connection.conn())).await;
    if answer.as_ref().is_err_and(is_gone) {
        connection.end();
    }
    answer
}
