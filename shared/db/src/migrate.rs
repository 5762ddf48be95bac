//! Creates roles and migrates the schema: the work of the `migrate` binary.

mod addresses;

use std::borrow::Cow;
use std::time::Duration;

use shared_config::{Problems, Reader, Secret, Service, keys, wiring};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqlSafeStr as _};

use crate::DatabaseSettings;

/// Number, name and text of every embedded migration.
pub const MIGRATIONS: &[(i64, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

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
}

/// Creates database and roles, sets passwords, applies pending migrations and returns the number
/// of the newest one. Every step is idempotent.
pub async fn run(settings: &Settings) -> Result<i64, Error> {
    create_database(&settings.admin).await?;
    let mut admin = session(&settings.admin.options(), settings).await?;
    // One migration at a time per server, since databases on one server share its roles.
    sqlx::query("select pg_advisory_lock(7305128944)")
        .execute(&mut admin)
        .await?;
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
    migrator_of(MIGRATIONS).run(&mut connection).await?;
    addresses::respell(&mut connection).await?;
    connection.close().await?;
    admin.close().await?;
    Ok(MIGRATIONS.last().map_or(0, |(number, _, _)| *number))
}

async fn session(
    options: &PgConnectOptions,
    settings: &Settings,
) -> Result<PgConnection, sqlx::Error> {
    let lock = settings.lock_timeout.as_millis().to_string();
    let statement = settings.statement_timeout.as_millis().to_string();
    let options = options.clone().options([
        ("lock_timeout", lock.as_str()),
        ("statement_timeout", statement.as_str()),
        ("idle_in_transaction_session_timeout", "0"),
    ]);
    options.connect().await
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

fn migrator_of(list: &'static [(i64, &'static str, &'static str)]) -> Migrator {
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
