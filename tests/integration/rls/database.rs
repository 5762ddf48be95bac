//! A copy of the database with rows of two tenants, and the services' own logins to it.

use std::collections::BTreeMap;

use shared_config::Service;
use shared_testkit::{Stores, TestDatabase};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection, PgPool};

use super::attempt;
use super::matrix::Context;
use super::rows::{self, Tenant, run};
use super::tables::{Rights, Table, tables};

/// What the matrix is tried on.
pub(crate) struct Proving {
    pub(crate) admin: PgPool,
    pub(crate) tables: Vec<Table>,
    /// What was granted when the database was made: what is expected does not move with a mutation.
    pub(crate) rights: Rights,
    /// Has a row in each table; "own" and "foreign" are seen from here.
    pub(crate) own: Tenant,
    /// Has a row in each table, too.
    pub(crate) other: Tenant,
    /// Has none.
    pub(crate) fresh: Tenant,
    database: TestDatabase,
}

impl Proving {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new(&Stores::from_env()).await;
        let admin = database.admin().await;
        let tables = tables(&admin).await;
        let (own, other) = (Tenant::new(), Tenant::new());
        let mut connection = admin.connect_options().connect().await.unwrap();
        rows::fill(&mut connection, &tables, &[own, other]).await;
        set_aside_what_is_no_row_security(&mut connection, &admin).await;
        Self {
            rights: Rights::read(&admin).await,
            admin,
            tables,
            own,
            other,
            fresh: Tenant::new(),
            database,
        }
    }

    /// Tables that tenants own.
    pub(crate) fn tenant_tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(|table| table.has_tenant())
    }

    /// Connections as every service, one of which never hears of a tenant.
    pub(crate) async fn roles(&self) -> Roles {
        let mut roles = BTreeMap::new();
        for service in Service::ALL {
            let options = self.login(service);
            let named = options.connect().await.unwrap();
            let unset = options.connect().await.unwrap();
            roles.insert(service, (options, named, unset));
        }
        Roles(roles)
    }

    /// The services that may read a table.
    pub(crate) fn readers(&self, table: &Table) -> Vec<Service> {
        let reads = |service: &Service| self.rights.of(*service, table, "creator_id").select;
        Service::ALL.into_iter().filter(reads).collect()
    }

    /// Every tenant table with every service.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Table, Service)> {
        let with_each = |table| Service::ALL.map(move |service| (table, service));
        self.tenant_tables().flat_map(with_each)
    }

    /// What a service was granted on a table, as it was written: by table or by column.
    pub(crate) async fn grants(
        &self,
        table: &Table,
        service: Service,
    ) -> Vec<(String, Option<String>)> {
        sqlx::query_as(
            "select g.privilege_type, null::text from pg_class c, aclexplode(c.relacl) g
             where c.oid = $1::text::regclass and g.grantee = $2::text::regrole
             union all
             select g.privilege_type, a.attname::text from pg_attribute a, aclexplode(a.attacl) g
             where a.attrelid = $1::text::regclass and g.grantee = $2::text::regrole order by 1, 2",
        )
        .bind(&table.name)
        .bind(service.database_role())
        .fetch_all(&self.admin)
        .await
        .unwrap()
    }

    /// Privileges that a service holds on no column of a table.
    pub(crate) async fn not_granted(&self, table: &Table, service: Service) -> Vec<String> {
        let granted = self.grants(table, service).await;
        let all = [
            "SELECT",
            "INSERT",
            "UPDATE",
            "DELETE",
            "TRUNCATE",
            "REFERENCES",
            "TRIGGER",
        ];
        let missing = all
            .into_iter()
            .filter(|privilege| !granted.iter().any(|(held, _)| held == privilege));
        missing.map(str::to_owned).collect()
    }

    /// Whether a service may use the schema of a table.
    pub(crate) async fn is_inside(&self, table: &Table, service: Service) -> bool {
        sqlx::query_scalar(
            "select has_schema_privilege($2, relnamespace, 'usage') from pg_class
             where oid = $1::text::regclass",
        )
        .bind(&table.name)
        .bind(service.database_role())
        .fetch_one(&self.admin)
        .await
        .unwrap()
    }

    /// How a service signs in.
    pub(crate) fn login(&self, service: Service) -> PgConnectOptions {
        self.database.settings(service).options()
    }
}

/// Foreign keys and triggers would refuse rows for reasons of their own. The catalogue test looks
/// at the keys; what triggers do is tested where they are.
async fn set_aside_what_is_no_row_security(connection: &mut PgConnection, admin: &PgPool) {
    let statements: Vec<String> = sqlx::query_scalar(
        "select format('alter table %s drop constraint %I', conrelid::regclass, conname)
         from pg_constraint
         where contype = 'f' and connamespace::regnamespace::text !~ '^(pg_|information_schema)'
         union all
         select format('alter table %s disable trigger user', oid::regclass)
         from pg_class
         where relkind = 'r' and relnamespace::regnamespace::text !~ '^(pg_|information_schema)'",
    )
    .fetch_all(admin)
    .await
    .unwrap();
    for statement in statements {
        run(connection, &statement).await;
    }
}

/// By service: how it signs in, a connection with a context, and one that never has one.
pub(crate) struct Roles(BTreeMap<Service, (PgConnectOptions, PgConnection, PgConnection)>);

impl Roles {
    pub(crate) fn of(&mut self, service: Service, context: Context) -> &mut PgConnection {
        let (_, named, unset) = self.0.get_mut(&service).unwrap();
        if context == Context::Unset {
            unset
        } else {
            named
        }
    }

    /// Leaves a service's connections without a transaction.
    pub(crate) async fn rest(&mut self, service: Service) {
        let (_, named, unset) = self.0.get_mut(&service).unwrap();
        attempt::end(named).await;
        attempt::end(unset).await;
    }

    /// A new connection.
    pub(crate) async fn another(&self, service: Service) -> PgConnection {
        self.0[&service].0.connect().await.unwrap()
    }
}
