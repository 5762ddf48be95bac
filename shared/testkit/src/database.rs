//! A database for each test: cloned from a migrated template, dropped at the end.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::str::FromStr as _;
use std::time::Duration;

use serde_json::Value;
use shared_config::{Secret, Service};
use shared_db::migrate::{self, MIGRATIONS, Settings};
use shared_db::{DatabaseSettings, Db};
use shared_models::CreatorId;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool, Row as _};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::Stores;

/// The password of every service's role in tests.
const ROLE_PASSWORD: &str = "a-role-of-the-test-run";

/// The template is made once per process and once per server, under an advisory lock.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// Makes other tests, in this process or another, wait until this connection is closed.
const LOCK_ROLES: &str = "select pg_advisory_lock(7305128945)";

/// One test's database.
#[derive(Debug)]
pub struct TestDatabase {
    /// Its name.
    pub name: String,
    admin: PgConnectOptions,
}

impl TestDatabase {
    /// Makes a migrated database.
    pub async fn new(stores: &Stores) -> Self {
        let admin = PgConnectOptions::from_str(&stores.postgres).expect("TEST_DATABASE_URL");
        let password = password_of(&stores.postgres);
        let template = TEMPLATE.get_or_init(|| template(&admin, password)).await;
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut connection = connect(&admin).await;
        // Two clones of one template at once are refused while a third party is connected to it.
        // Copying files takes a third of the time of copying pages through the log.
        let statement = format!("create database {name} template {template} strategy file_copy");
        run(&mut connection, &statement).await;
        connection.close().await.expect("close");
        Self {
            name: name.clone(),
            admin: admin.database(&name),
        }
    }

    /// Makes a database of an earlier version from its dump, and brings it to this version.
    ///
    /// The scripts run in order. The first one makes the roles, which belong to the whole server:
    /// they are made and altered by one test at a time.
    pub async fn upgraded(stores: &Stores, scripts: &[String]) -> Self {
        let admin = PgConnectOptions::from_str(&stores.postgres).expect("TEST_DATABASE_URL");
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut connection = connect(&admin).await;
        run(&mut connection, LOCK_ROLES).await;
        run(&mut connection, &format!("create database {name}")).await;
        let restored = Self {
            name: name.clone(),
            admin: admin.clone().database(&name),
        };
        let mut inside = connect(&restored.admin).await;
        for script in scripts {
            run(&mut inside, script).await;
        }
        inside.close().await.expect("close");
        migrate::run(&migration(&admin, password_of(&stores.postgres), &name))
            .await
            .expect("the migrations");
        connection.close().await.expect("close");
        restored
    }

    /// Migrates the database again, as each upgrade does.
    pub async fn migrate(&self, stores: &Stores) {
        let admin = PgConnectOptions::from_str(&stores.postgres).expect("TEST_DATABASE_URL");
        let mut connection = connect(&admin).await;
        run(&mut connection, LOCK_ROLES).await;
        migrate::run(&migration(
            &admin,
            password_of(&stores.postgres),
            &self.name,
        ))
        .await
        .expect("the migrations");
        connection.close().await.expect("close");
    }

    /// The database as a service sees it: its role, no ownership, row-level security.
    pub fn as_service(&self, service: Service) -> Db {
        Db::new(&self.settings(service))
    }

    /// The settings with which a service connects.
    pub fn settings(&self, service: Service) -> DatabaseSettings {
        DatabaseSettings {
            host: self.admin.get_host().to_owned(),
            port: self.admin.get_port(),
            name: self.name.clone(),
            user: service.database_role().to_owned(),
            password: Secret::new(ROLE_PASSWORD.to_owned()),
            ssl_mode: PgSslMode::Disable,
            ca: None,
            max_connections: 5,
        }
    }

    /// The database as superuser, who sees every row.
    pub async fn admin(&self) -> PgPool {
        let pool = PgPoolOptions::new().max_connections(2);
        pool.connect_with(self.admin.clone())
            .await
            .expect("the test database")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone().database("postgres"), self.name.clone());
        // A thread of its own: drop cannot wait, and the test's runtime may be ending.
        let drop_it = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let Ok(mut connection) = admin.connect().await else {
                    return;
                };
                let statement = format!("drop database if exists {name} with (force)");
                let _ = sqlx::raw_sql(AssertSqlSafe(statement))
                    .execute(&mut connection)
                    .await;
            });
        };
        let _ = std::thread::spawn(drop_it).join();
    }
}

/// The events of a tenant so far, as the superuser sees them: types and payloads, in order.
pub async fn published_events(admin: &PgPool, tenant: CreatorId) -> Vec<(String, Value)> {
    let query = "select type, payload from platform.events where creator_id = $1 order by position";
    let rows = sqlx::query(query).bind(tenant).fetch_all(admin).await;
    let rows = rows.expect("events");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn template(admin: &PgConnectOptions, password: &str) -> String {
    let mut hasher = DefaultHasher::new();
    MIGRATIONS.hash(&mut hasher);
    let name = format!("template_{:016x}", hasher.finish());
    let mut connection = connect(admin).await;
    run(&mut connection, LOCK_ROLES).await;
    let exists = sqlx::query("select 1 from pg_database where datname = $1 and datistemplate")
        .bind(&name)
        .fetch_optional(&mut connection)
        .await
        .expect("pg_database");
    if exists.is_none() {
        run(
            &mut connection,
            &format!("drop database if exists {name} with (force)"),
        )
        .await;
        migrate::run(&migration(admin, password, &name))
            .await
            .expect("the migrations");
        run(
            &mut connection,
            &format!("alter database {name} is_template true"),
        )
        .await;
    }
    connection.close().await.expect("close");
    name
}

/// The settings of a migration by the superuser of this server.
fn migration(admin: &PgConnectOptions, password: &str, name: &str) -> Settings {
    let secret = || Secret::new(ROLE_PASSWORD.to_owned());
    Settings {
        admin: DatabaseSettings {
            host: admin.get_host().to_owned(),
            port: admin.get_port(),
            name: name.to_owned(),
            user: admin.get_username().to_owned(),
            password: Secret::new(password.to_owned()),
            ssl_mode: PgSslMode::Disable,
            ca: None,
            max_connections: 1,
        },
        migrator_password: secret(),
        service_passwords: Service::ALL
            .into_iter()
            .map(|service| (service, secret()))
            .collect(),
        lock_timeout: Duration::from_secs(30),
        statement_timeout: Duration::ZERO,
    }
}

/// The password of a URL; parsed options do not expose it.
fn password_of(url: &str) -> &str {
    let login = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'));
    login
        .and_then(|(login, _)| login.split_once(':'))
        .map_or("", |(_, password)| password)
}

async fn connect(options: &PgConnectOptions) -> PgConnection {
    options.connect().await.expect("PostgreSQL of the test run")
}

async fn run(connection: &mut PgConnection, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement)
        .execute(connection)
        .await
        .expect("a statement of the testkit");
}
