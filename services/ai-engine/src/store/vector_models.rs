//! `ai.vector_models`: which model's vectors an account is searched by, and which comes next.

use jiff::Timestamp;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use shared_db::{Db, TenantTx};
use shared_models::CreatorId;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::domain::index::model_change::AccountModels;

/// What is recorded of the account.
pub(crate) async fn read(tx: &mut TenantTx) -> sqlx::Result<Option<AccountModels>> {
    let row =
        sqlx::query("select model, next_model, changed_at, leftovers_since from ai.vector_models")
            .fetch_optional(tx.conn())
            .await?;
    row.map(|row| parse(&row)).transpose()
}

fn parse(row: &PgRow) -> sqlx::Result<AccountModels> {
    let changed_at: SqlTimestamp = row.try_get("changed_at")?;
    let leftovers_since: Option<SqlTimestamp> = row.try_get("leftovers_since")?;
    Ok(AccountModels {
        model: row.try_get("model")?,
        next: row.try_get("next_model")?,
        changed_at: changed_at.to_jiff(),
        leftovers_since: leftovers_since.map(SqlTimestamp::to_jiff),
    })
}

/// Records the model of an account that has no row, as the wish of a process that started then.
pub(crate) async fn ensure(
    tx: &mut TenantTx,
    model: &str,
    started_at: Timestamp,
) -> sqlx::Result<()> {
    let tenant = tx.creator();
    sqlx::query(
        "insert into ai.vector_models (creator_id, model, changed_at) values ($1, $2, $3)
         on conflict do nothing",
    )
    .bind(tenant)
    .bind(model)
    .bind(started_at.to_sqlx())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Records that the vectors of this model are wanted.
pub(crate) async fn begin(tx: &mut TenantTx, model: &str) -> sqlx::Result<()> {
    let tenant = tx.creator();
    sqlx::query(
        "insert into ai.vector_models (creator_id, model, next_model) values ($1, $2, $2)
         on conflict (creator_id) do update
         set next_model = excluded.next_model, changed_at = clock_timestamp()",
    )
    .bind(tenant)
    .bind(model)
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Has the account searched by the vectors of the model that is wanted; false if that is another
/// one by now.
pub(crate) async fn switch(tx: &mut TenantTx, model: &str) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "update ai.vector_models
         set model = $1, next_model = null, leftovers_since = clock_timestamp()
         where next_model = $1",
    )
    .bind(model)
    .execute(tx.conn())
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Records that the old vectors are deleted, unless there may be others since.
pub(crate) async fn leftovers_deleted(tx: &mut TenantTx, since: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "update ai.vector_models set leftovers_since = null
         where leftovers_since = $1 and next_model is null",
    )
    .bind(since.to_sqlx())
    .execute(tx.conn())
    .await
    .map(|_| ())
}

/// Accounts that this model has not embedded completely, or that have old vectors.
pub(crate) async fn accounts_to_embed(
    db: &Db,
    model: &str,
    most: i32,
) -> sqlx::Result<Vec<CreatorId>> {
    let mut tx = db.system().await?;
    sqlx::query_scalar("select creator_id from ai.accounts_to_embed($1, $2)")
        .bind(model)
        .bind(most)
        .fetch_all(tx.conn())
        .await
}
