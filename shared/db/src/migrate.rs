//! Creates roles and migrates the schema: the work of the `migrate` binary.

mod addresses;
mod compatibility;
mod lock;
mod retry;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use backon::Retryable as _;
use shared_config::{Problems, Reader, Secret, Service, keys, wiring};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqlSafeStr as _};

use crate::DatabaseSettings;
use compatibility::Relation;

pub use compatibility::Incompatible;

/// Number, name and text of every embedded migration.
pub const MIGRATIONS: Migrations = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Number, name and text of migrations, in order.
pub type Migrations = &'static [(i64, &'static str, &'static str)];

/// How long an unavailable database is waited for, from the first failure on.
pub const RETRY_TIMEOUT: Duration = Duration::from_hours(1);

/// How often the server looks whether the client of a running statement is still there: the
/// statement of a killed migration must not keep its locks until it is done.
const ORPHAN_CHECK_INTERVAL: &str = "5s";

/// The table in which sqlx records applied migrations.
const RECORD: &str = "platform.schema_migrations";

/// Roles without login, with their attributes.
///
/// The owner does not inherit: it must be a member of the roles that own definer functions, to
/// transfer functions to them, but must not gain their policies.
const GROUP_ROLES: [(&str, &str); 9] = [
    ("platform_owner", "NOLOGIN NOINHERIT"),
    ("platform_app", "NOLOGIN"),
    ("auth_lookup", "NOLOGIN"),
    ("auth_audit", "NOLOGIN"),
    ("channel_lookup", "NOLOGIN"),
    ("job_dispatcher", "NOLOGIN"),
    ("event_dispatcher", "NOLOGIN"),
    ("tenant_eraser", "NOLOGIN"),
    ("retention_cleaner", "NOLOGIN"),
];

/// Settings of the `migrate` binary.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database, as its administrator sees it.
    pub admin: DatabaseSettings,
    /// Password of `platform_migrator`.
    pub migrator_password: Secret<String>,
    /// Password of each service's role.
    pub service_passwords: Vec<(Service, Secret<String>)>,
    /// Longest wait for a lock.
    pub lock_timeout: Duration,
    /// Longest statement; zero is no limit.
    pub statement_timeout: Duration,
}

impl Settings {
    /// Reads the settings.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let user = reader.required(keys::ADMIN_USER);
        let password = reader.secret(keys::ADMIN_PASSWORD);
        let settings = Self {
            admin: DatabaseSettings::with_login(&mut reader, user, password),
            migrator_password: reader.secret(keys::MIGRATOR_PASSWORD),
            service_passwords: Service::ALL
                .into_iter()
                .map(|service| (service, reader.secret(keys::database_password_of(service))))
                .collect(),
            lock_timeout: seconds(&mut reader, keys::LOCK_TIMEOUT_SECONDS, 5),
            statement_timeout: seconds(&mut reader, keys::STATEMENT_TIMEOUT_SECONDS, 0),
        };
        reader.finish(settings)
    }
}

fn seconds(reader: &mut Reader, key: &'static str, default: u64) -> Duration {
    Duration::from_secs(reader.bounded(key, default, 0, 86_400))
}

/// Why the migration failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused a statement or could not be reached.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed or differs from the recorded one.
    #[error("{0}")]
    Migration(#[from] MigrateError),
    /// A newer version has migrated the database further than this one can work with.
    #[error("{0}")]
    Incompatible(#[from] Incompatible),
}

/// What a database is after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Number of its newest migration.
    pub migration: i64,
    /// Whether a newer version has made it: then only roles, passwords and grants were set.
    pub by_newer_version: bool,
}

/// Runs [`run`] until it succeeds. What ends by itself, such as a database that does not answer, is
/// waited for until `patience` has passed; other failures end it at once.
pub async fn run_patiently(settings: &Settings, patience: Duration) -> Result<Migrated, Error> {
    let started = Instant::now();
    let attempt = || run(settings);
    attempt
        .retry(retry::BACKOFF)
        .when(retry::is_transient)
        .adjust(|_, wait| wait.filter(|wait| started.elapsed() + *wait <= patience))
        .notify(|error, wait| {
            let seconds = wait.as_secs();
            tracing::warn!(%error, seconds, "migration not possible yet; retrying");
        })
        .await
}

/// Creates database and roles, sets passwords and applies pending migrations. Every step is
/// idempotent.
pub async fn run(settings: &Settings) -> Result<Migrated, Error> {
    run_list(settings, MIGRATIONS).await
}

/// Like [`run`], with the migrations of another version.
pub async fn run_list(settings: &Settings, list: Migrations) -> Result<Migrated, Error> {
    let mut admin = connect_or_create(settings).await?;
    lock::acquire(&mut admin, lock::ADMINISTRATION).await?;
    bootstrap(&mut admin, settings).await?;
    let migrator = settings
        .admin
        .options()
        .username(wiring::MIGRATOR_ROLE)
        .password(settings.migrator_password.expose());
    let mut connection = session(&migrator, settings).await?;
    sqlx::query("set role platform_owner")
        .execute(&mut connection)
        .await?;
    lock::acquire(&mut connection, lock::MIGRATION).await?;
    let migrated = migrate(&mut connection, list).await?;
    connection.close().await?;
    admin.close().await?;
    Ok(migrated)
}

/// Applies what is missing, unless a newer version has migrated the database.
async fn migrate(connection: &mut PgConnection, list: Migrations) -> Result<Migrated, Error> {
    let applied = compatibility::applied(connection).await?;
    let oldest = compatibility::oldest(connection).await?;
    let own: BTreeSet<i64> = list.iter().map(|(number, _, _)| *number).collect();
    let relation = compatibility::compare(&applied, &own, oldest)?;
    let mut migrator = migrator_of(list);
    // Its own migrations are compared with their records in both cases.
    migrator.set_ignore_missing(relation != Relation::Known);
    // `run` takes what `Acquire` gives, and its future cannot be sent to another thread.
    migrator.run_direct(None, connection, false).await?;
    if let Relation::Newer { newest } = relation {
        return Ok(Migrated {
            migration: newest,
            by_newer_version: true,
        });
    }
    addresses::respell(connection).await?;
    Ok(Migrated {
        migration: own.last().copied().unwrap_or_default(),
        by_newer_version: false,
    })
}

/// A session of a migration. Its settings are statements, since a pooler refuses them as options
/// of the connection.
async fn session(
    options: &PgConnectOptions,
    settings: &Settings,
) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    sqlx::query(
        "select set_config('lock_timeout', $1, false),
                set_config('statement_timeout', $2, false),
                set_config('idle_in_transaction_session_timeout', '0', false)",
    )
    .bind(settings.lock_timeout.as_millis().to_string())
    .bind(settings.statement_timeout.as_millis().to_string())
    .execute(&mut connection)
    .await?;
    // Only PostgreSQL 14 and later, on Linux, know it.
    let check = "select set_config(name, $1, false) from pg_settings
                 where name = 'client_connection_check_interval'";
    let checked = sqlx::query(check)
        .bind(ORPHAN_CHECK_INTERVAL)
        .execute(&mut connection)
        .await;
    if let Err(error) = checked {
        tracing::debug!(%error, "the server does not notice clients that are gone");
    }
    Ok(connection)
}

/// A session of the administrator in the database, which is created if it does not exist: only
/// then is the database `postgres` needed.
async fn connect_or_create(settings: &Settings) -> Result<PgConnection, sqlx::Error> {
    let admin = &settings.admin;
    match session(&admin.options(), settings).await {
        Err(error) if is_unknown_database(&error) => {
            create_database(admin).await?;
            session(&admin.options(), settings).await
        }
        connected => connected,
    }
}

/// `PgBouncer` passes the server's message on under a code of its own.
fn is_unknown_database(error: &sqlx::Error) -> bool {
    let Some(cause) = error.as_database_error() else {
        return false;
    };
    match cause.code().as_deref() {
        Some("3D000") => true,
        Some("08P01") => {
            let message = cause.message();
            message.starts_with("database ") && message.ends_with(" does not exist")
                || message.starts_with("no such database")
        }
        _ => false,
    }
}

/// `CREATE DATABASE` cannot run in the database that it creates.
async fn create_database(admin: &DatabaseSettings) -> Result<(), sqlx::Error> {
    let mut connection = admin.options().database("postgres").connect().await?;
    let exists = sqlx::query("select 1 from pg_database where datname = $1")
        .bind(&admin.name)
        .fetch_optional(&mut connection)
        .await?;
    if exists.is_none() {
        let statement = formatted(&mut connection, "create database %I", &admin.name, "").await?;
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await
}

/// Roles, memberships, passwords, and what only an administrator may do.
async fn bootstrap(admin: &mut PgConnection, settings: &Settings) -> Result<(), sqlx::Error> {
    for (role, attributes) in GROUP_ROLES {
        create_role(admin, role, attributes).await?;
    }
    create_role(admin, wiring::MIGRATOR_ROLE, "LOGIN NOINHERIT").await?;
    set_password(admin, wiring::MIGRATOR_ROLE, &settings.migrator_password).await?;
    for (service, password) in &settings.service_passwords {
        let role = service.database_role();
        create_role(
            admin,
            role,
            "LOGIN INHERIT NOBYPASSRLS NOCREATEDB NOCREATEROLE",
        )
        .await?;
        set_password(admin, role, password).await?;
        execute(admin, format!("grant platform_app to {role}")).await?;
    }
    execute(
        admin,
        "grant platform_owner to platform_migrator;
         grant auth_lookup, auth_audit, channel_lookup, job_dispatcher, event_dispatcher,
           tenant_eraser, retention_cleaner
           to platform_owner;
         revoke create on schema public from public"
            .to_owned(),
    )
    .await?;
    let own = formatted(
        admin,
        "revoke all on database %I from public; grant connect, create on database %1$I to \
         platform_owner; grant connect on database %1$I to platform_app, platform_migrator",
        &settings.admin.name,
        "",
    )
    .await?;
    execute(admin, own).await?;
    mark_search_leakproof(admin).await
}

/// Under row-level security an index on `tsvector` is used only if its operator is LEAKPROOF.
/// Only a superuser may declare that; elsewhere a search scans the tenant's rows.
async fn mark_search_leakproof(admin: &mut PgConnection) -> Result<(), sqlx::Error> {
    let superuser: bool = sqlx::query("select usesuper from pg_user where usename = current_user")
        .fetch_one(&mut *admin)
        .await?
        .try_get(0)?;
    if !superuser {
        tracing::warn!("administrator is not a superuser; full-text search cannot use its index");
        return Ok(());
    }
    let mark = "alter function pg_catalog.ts_match_vq(tsvector, tsquery) leakproof";
    execute(admin, mark.to_owned()).await
}

async fn create_role(
    admin: &mut PgConnection,
    role: &str,
    attributes: &str,
) -> Result<(), sqlx::Error> {
    let exists = sqlx::query("select 1 from pg_roles where rolname = $1")
        .bind(role)
        .fetch_optional(&mut *admin)
        .await?;
    let verb = if exists.is_some() { "alter" } else { "create" };
    execute(admin, format!("{verb} role {role} {attributes}")).await
}

async fn set_password(
    admin: &mut PgConnection,
    role: &str,
    password: &Secret<String>,
) -> Result<(), sqlx::Error> {
    let statement = formatted(admin, "alter role %I password %L", role, password.expose()).await?;
    execute(admin, statement).await
}

/// Lets the server quote an identifier and a literal, since neither can be a parameter here.
async fn formatted(
    connection: &mut PgConnection,
    template: &str,
    name: &str,
    literal: &str,
) -> Result<String, sqlx::Error> {
    sqlx::query("select format($1, $2, $3)")
        .bind(template)
        .bind(name)
        .bind(literal)
        .fetch_one(connection)
        .await?
        .try_get(0)
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .map(|_| ())
}

fn migrator_of(list: Migrations) -> Migrator {
    let migration = |(number, name, text): &(i64, &'static str, &'static str)| {
        let name = Cow::Owned(name.replace('_', " "));
        let sql = text.into_sql_str();
        Migration::new(*number, name, MigrationType::Simple, sql, false)
    };
    Migrator {
        migrations: Cow::Owned(list.iter().map(migration).collect()),
        table_name: Cow::Borrowed(RECORD),
        create_schemas: Cow::Owned(vec![Cow::Borrowed("platform")]),
        ..Migrator::DEFAULT
    }
}
