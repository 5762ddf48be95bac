//! One statement under one context, in a transaction that never commits: how did it end?

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

/// The ways in which a statement may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It reached that many rows.
    Rows(u64),
    /// The role was not granted what it takes.
    Denied,
    /// The policy refused the new row.
    PolicyRefused,
    /// The context is not a UUID, which is an error, not an empty answer.
    Malformed,
    /// PostgreSQL does not do this under row security.
    NotSupported,
    /// Anything else, which no rule expects.
    Other(String),
}

/// What is tried.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    /// SQL whose affected rows count.
    Sql(String),
    /// COPY … TO STDOUT, of which lines with that tenant count; on a connection of its own.
    CopyOut(String, Uuid),
    /// COPY … FROM STDIN.
    CopyIn(String),
}

/// Tries a statement; `context` None leaves the setting alone.
pub(crate) async fn attempt(
    connection: &mut PgConnection,
    context: Option<&str>,
    statement: &Statement,
) -> Outcome {
    // The end of the attempt before, in the same round trip.
    let begin = match context {
        Some(tenant) => format!("rollback; begin; set local app.current_creator_id = '{tenant}'"),
        None => "rollback; begin".to_owned(),
    };
    let result = match statement {
        Statement::Sql(sql) => run(connection, format!("{begin}; {sql}")).await,
        Statement::CopyOut(sql, tenant) => {
            run(connection, begin).await.unwrap();
            copy_out(connection, sql, &tenant.to_string()).await
        }
        Statement::CopyIn(sql) => {
            run(connection, begin).await.unwrap();
            copy_in(connection, sql).await
        }
    };
    match result {
        Ok(rows) => Outcome::Rows(rows),
        Err(fault) => outcome(&fault),
    }
}

/// Ends the last attempt; an open transaction would be ended by the server, with its connection.
pub(crate) async fn end(connection: &mut PgConnection) {
    run(connection, "rollback".to_owned()).await.unwrap();
}

async fn run(connection: &mut PgConnection, sql: String) -> sqlx::Result<u64> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await;
    done.map(|done| done.rows_affected())
}

async fn copy_out(connection: &mut PgConnection, sql: &str, tenant: &str) -> sqlx::Result<u64> {
    let parts: Vec<_> = connection.copy_out_raw(sql).await?.try_collect().await?;
    let text = parts.concat();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter(|line| line.contains(tenant));
    Ok(lines.map(|_| 1).sum())
}

async fn copy_in(connection: &mut PgConnection, sql: &str) -> sqlx::Result<u64> {
    connection.copy_in_raw(sql).await?.finish().await
}

fn outcome(fault: &sqlx::Error) -> Outcome {
    // A lost connection proves nothing, least of all that somebody was refused.
    let Some(fault) = fault.as_database_error() else {
        panic!("{fault}");
    };
    match fault.code().as_deref() {
        Some("42501") if fault.message().contains("row-level security") => Outcome::PolicyRefused,
        Some("42501") => Outcome::Denied,
        Some("22P02") => Outcome::Malformed,
        Some("0A000") => Outcome::NotSupported,
        _ => Outcome::Other(fault.to_string()),
    }
}
