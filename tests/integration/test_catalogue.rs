//! Row-level security, read from PostgreSQL's own catalogue: every table is found, none is trusted.

use shared_config::Service;
use shared_testkit::{Stores, TestDatabase};
use sqlx::{AssertSqlSafe, PgExecutor, PgPool, Row as _};

/// Tables without `creator_id`, each with the reason why no tenant owns its rows.
const SHARED_TABLES: [(&str, &str); 13] = [
    (
        "platform.schema_migrations",
        "sqlx's record of migrations; no service may read it",
    ),
    (
        "platform.schema_compatibility",
        "which versions work with the schema; no service may read it",
    ),
    (
        "auth.login_directory",
        "finds the tenant of an e-mail; reachable by definer functions only",
    ),
    (
        "auth.managed_directory",
        "finds the tenant of a resource; reachable by definer functions only",
    ),
    (
        "auth.platform_admins",
        "who administers the platform itself; reachable by definer functions only",
    ),
    (
        "auth.signing_keys",
        "keys of the whole platform, sealed with a key that the database never sees",
    ),
    (
        "auth.reset_requests",
        "addresses, with or without an account, for a second; by definer functions only",
    ),
    (
        "auth.registration_invitations",
        "invites who has no account yet; reachable by definer functions only",
    ),
    (
        "platform.schedules",
        "work that no tenant asked for; reachable by definer functions only",
    ),
    (
        "platform.retention_rules",
        "which rows the clean-up may delete; written by migrations alone",
    ),
    (
        "auth.erasures",
        "proves the erasure of a tenant that is gone, by a hash; definer functions only",
    ),
    (
        "platform.event_subscriptions",
        "which service wants which types of events; reachable by definer functions only",
    ),
    (
        "platform.revocations",
        "loaded before a tenant is known, and outlives it; definer functions only",
    ),
];

const FAULTS: &str = include_str!("catalogue.sql");

async fn database() -> (TestDatabase, PgPool) {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let admin = database.admin().await;
    (database, admin)
}

pub(crate) async fn faults(admin: &PgPool) -> Vec<String> {
    let rows = sqlx::query(FAULTS).fetch_all(admin).await.unwrap();
    rows.iter()
        .map(|row| format!("{}: {}", row.get::<String, _>(0), row.get::<String, _>(1)))
        .collect()
}

async fn names(admin: &PgPool, sql: &'static str) -> Vec<String> {
    let rows = sqlx::query(sql).fetch_all(admin).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_tenant_table_is_protected() {
    let (_database, admin) = database().await;
    assert_eq!(faults(&admin).await, Vec::<String>::new());
    let tables = names(
        &admin,
        "select c.oid::regclass::text from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relkind in ('r', 'p') and a.attname = 'creator_id' and not a.attisdropped
           and c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'",
    );
    assert!(tables.await.len() >= 10, "the suite looks at the tables");
}

#[tokio::test]
async fn a_table_without_a_tenant_has_a_reason() {
    let (_database, admin) = database().await;
    let found = names(
        &admin,
        "select c.oid::regclass::text from pg_class c
         where c.relkind in ('r', 'p')
           and c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
           and not exists (select from pg_attribute a where a.attrelid = c.oid
                           and a.attname = 'creator_id' and not a.attisdropped)
         order by 1",
    )
    .await;
    let mut listed: Vec<_> = SHARED_TABLES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    listed.sort();
    assert_eq!(found, listed);
}

#[tokio::test]
async fn the_roles_of_services_can_do_no_more_than_their_work() {
    let (_database, admin) = database().await;
    for service in Service::ALL {
        let role = service.database_role();
        let row = sqlx::query(
            "select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolinherit,
                    pg_has_role(oid, 'platform_app', 'member')
             from pg_roles where rolname = $1",
        )
        .bind(role)
        .fetch_one(&admin)
        .await
        .unwrap();
        let flags: Vec<bool> = (0..6).map(|column| row.get(column)).collect();
        assert_eq!(flags, [false, false, false, false, true, true], "{role}");
    }
}

/// Every function: with whose rights it runs, and the hash of its body, so that one that is
/// replaced is audited again. Those that run with the caller's rights are called by others, or by
/// triggers.
pub(crate) async fn functions(executor: impl PgExecutor<'_>) -> Vec<String> {
    sqlx::query_scalar(
        "select p.oid::regprocedure::text || ' as '
           || case when p.prosecdef then p.proowner::regrole::text else 'its caller' end
           || ', body '
           || left(encode(sha256(convert_to(coalesce(p.prosrc, ''), 'UTF8')), 'hex'), 12)
         from pg_proc p where p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
         order by 1",
    )
    .fetch_all(executor)
    .await
    .unwrap()
}

/// Functions that find objects in schemas that others write to, or that anybody may call.
pub(crate) async fn loose_functions(executor: impl PgExecutor<'_>) -> Vec<String> {
    sqlx::query_scalar(
        "select p.oid::regprocedure::text from pg_proc p
         where p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
           and (not coalesce(p.proconfig, '{}') @> '{\"search_path=pg_catalog, pg_temp\"}'
                or p.prosecdef and has_function_privilege('public', p.oid, 'execute'))",
    )
    .fetch_all(executor)
    .await
    .unwrap()
}

/// Services that may create objects: in a database that `migrate` has made, of which a copy does
/// not get the privileges, or in a schema of this one.
pub(crate) async fn creators_of_objects(executor: impl PgExecutor<'_>) -> Vec<String> {
    sqlx::query_scalar(
        "select rolname || ' in ' || datname from pg_roles r, pg_database d
         where datname ~ '^template_[0-9a-f]{16}$'
           and (rolname ~ '_app$' and (has_database_privilege(r.oid, d.oid, 'TEMP')
                                       or has_database_privilege(r.oid, d.oid, 'CREATE'))
                or rolname = 'platform_owner' and has_database_privilege(r.oid, d.oid, 'TEMP'))
         union all
         select rolname || ' in ' || nspname from pg_roles r, pg_namespace n
         where rolname ~ '_app$' and nspname !~ '^pg_(temp|toast)'
           and has_schema_privilege(r.oid, n.oid, 'CREATE')",
    )
    .fetch_all(executor)
    .await
    .unwrap()
}

#[tokio::test]
async fn functions_are_those_that_were_audited() {
    let (_database, admin) = database().await;
    let audited: Vec<String> = include_str!("definer_functions.txt")
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        functions(&admin).await,
        audited,
        "audit the function, then add it to definer_functions.txt"
    );
    assert_eq!(
        loose_functions(&admin).await,
        Vec::<String>::new(),
        "set search_path to pg_catalog, pg_temp, and revoke from public"
    );
    let made = "select datname::text from pg_database where datname ~ '^template_[0-9a-f]{16}$'";
    let made = names(&admin, made).await;
    assert!(!made.is_empty(), "the template has another name");
    assert_eq!(
        creators_of_objects(&admin).await,
        Vec::<String>::new(),
        "a role that creates objects could have a function find them before pg_catalog"
    );
}

#[tokio::test]
async fn a_weakened_policy_is_found() {
    let (_database, admin) = database().await;
    let weaken = [
        "alter table platform.jobs no force row level security",
        "alter table platform.jobs disable row level security",
        "drop policy tenant on platform.jobs",
        "alter policy tenant on platform.jobs using (true)",
        "alter policy tenant on platform.jobs with check (true)",
        "create policy loose on platform.jobs for select to platform_app using (true)",
        "create policy loose on platform.jobs for select to public using (true)",
        "create unique index loose on platform.jobs (subject_id)",
        "create view platform.loose as select * from platform.jobs",
        "create materialized view platform.loose as select * from platform.jobs",
        "grant truncate on platform.jobs to hub_app",
    ];
    for statement in weaken {
        let mut transaction = admin.begin_for_test().await;
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut *transaction)
            .await
            .unwrap();
        let rows = sqlx::query(FAULTS)
            .fetch_all(&mut *transaction)
            .await
            .unwrap();
        assert!(!rows.is_empty(), "not found: {statement}");
        transaction.rollback().await.unwrap();
    }
}

/// The one place outside `shared-db` that opens a transaction on a pool: the superuser's.
pub(crate) trait BeginForTest {
    async fn begin_for_test(&self) -> sqlx::Transaction<'static, sqlx::Postgres>;
}

impl BeginForTest for PgPool {
    #[expect(
        clippy::disallowed_methods,
        reason = "the superuser's pool of a test, not a tenant's"
    )]
    async fn begin_for_test(&self) -> sqlx::Transaction<'static, sqlx::Postgres> {
        self.begin().await.unwrap()
    }
}
