//! The database that a backup is restored into: whether it may be, and how far that is.
//!
//! The comment of the schema `platform` says which backup was loaded. It is written by the
//! transaction that loads, and works with the schema of every version.

use serde::{Deserialize, Serialize};
use shared_db::DatabaseSettings;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::error::{Code, Failure};
use crate::format::BackupName;
use crate::report::Restored;

/// What the comment says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The backup that was loaded.
    pub restored_from: BackupName,
    /// The report, when all was done.
    pub report: Option<Restored>,
}

/// How far the restoration of a backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing is there.
    Empty,
    /// The dump is loaded.
    Loaded,
    /// All is done.
    Finished(Restored),
}

/// A session of the administrator; the database is created if there is none.
pub async fn connect(admin: &DatabaseSettings) -> Result<PgConnection, Failure> {
    let options = admin.options();
    let mut connection = match options.connect().await {
        Err(error) if is_unknown_database(&error) => {
            let mut server = options.clone().database("postgres").connect().await?;
            let create: String = sqlx::query_scalar("select format('create database %I', $1)")
                .bind(&admin.name)
                .fetch_one(&mut server)
                .await?;
            sqlx::raw_sql(AssertSqlSafe(create))
                .execute(&mut server)
                .await?;
            server.close().await?;
            options.connect().await?
        }
        connected => connected?,
    };
    sqlx::raw_sql(
        "set statement_timeout = 0; set lock_timeout = '1min';
         set idle_in_transaction_session_timeout = 0; set row_security = off",
    )
    .execute(&mut connection)
    .await?;
    Ok(connection)
}

fn is_unknown_database(error: &sqlx::Error) -> bool {
    let cause = error.as_database_error();
    cause.is_some_and(|cause| cause.code().as_deref() == Some("3D000"))
}

/// How far the restoration of that backup is; an error if the database holds anything else.
pub async fn state(connection: &mut PgConnection, backup: &BackupName) -> Result<State, Failure> {
    let comment = sqlx::query_scalar::<_, Option<String>>(
        "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = 'platform'",
    )
    .fetch_optional(&mut *connection)
    .await?
    .flatten();
    let progress = comment.and_then(|text| serde_json::from_str::<Progress>(&text).ok());
    match progress {
        Some(progress) if progress.restored_from == *backup => {
            return Ok(progress.report.map_or(State::Loaded, State::Finished));
        }
        Some(progress) => {
            let other = progress.restored_from;
            let detail = format!("the database holds the backup {other} and is not empty");
            return Err(Failure::new(Code::DatabaseNotEmpty, detail));
        }
        None => {}
    }
    let things: i64 = sqlx::query_scalar(
        "select (select count(*) from pg_namespace
                 where nspname !~ '^pg_' and nspname not in ('information_schema', 'public'))
              + (select count(*) from pg_class c where c.relnamespace = 'public'::regnamespace
                 and not exists (select from pg_depend d
                                 where d.objid = c.oid and d.deptype = 'e'))",
    )
    .fetch_one(connection)
    .await?;
    if things == 0 {
        return Ok(State::Empty);
    }
    let detail = "the database is not empty. A backup is restored into a new platform only: \
                  delete the database, or name an empty one";
    Err(Failure::new(Code::DatabaseNotEmpty, detail))
}

/// Creates the roles that a dump names and that do not exist. They cannot sign in: the migrations
/// give them their attributes and passwords.
pub async fn create_roles(connection: &mut PgConnection, roles: &[String]) -> Result<(), Failure> {
    for role in roles {
        let statement: Option<String> = sqlx::query_scalar(
            "select format('create role %I nologin', $1)
             where not exists (select from pg_roles where rolname = $1)",
        )
        .bind(role)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(statement) = statement {
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// The statement that records how far the restoration is.
pub fn record(progress: &Progress) -> Result<String, Failure> {
    let text = serde_json::to_string(progress);
    let text = text.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    Ok(format!(
        "comment on schema platform is '{}'",
        text.replace('\'', "''")
    ))
}

/// Has ai-engine make all vectors again: those of a restored platform are not there. Passages and
/// the vectors of questions are rows. Releases before migration 45 look by themselves.
pub async fn forget_vectors(connection: &mut PgConnection) -> Result<(), Failure> {
    let exists: bool = sqlx::query_scalar(
        "select exists (select from pg_attribute
           where attrelid = to_regclass('ai.indexed_documents') and attname = 'vectors_model')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if exists {
        sqlx::raw_sql(
            "update ai.indexed_documents set vectors_model = null, vectors_version = null
             where vectors_model is not null or vectors_version is not null;
             update ai.vector_models
             set next_model = model, changed_at = now(), leftovers_since = null",
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}
