//! Every function of the database, called as every service for what another account owns: what it
//! returns and changes there is written out and committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use shared_config::Service;
use shared_testkit::assert_golden;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, PgPool, Row as _};
use uuid::Uuid;

use crate::rls::database::Proving;
use crate::rls::rows::{self, Tenant};
use crate::rls::tables::Table;

/// A function, its arguments' types, and the services that may call it.
struct Function {
    name: String,
    arguments: Vec<String>,
    callers: Vec<Service>,
}

async fn functions(admin: &PgPool) -> Vec<Function> {
    let rows = sqlx::query(
        "select p.oid::regprocedure::text, p.oid::regproc::text,
           array(select format_type(t, null) from unnest(p.proargtypes::oid[]) with ordinality
                 a (t, place) order by place),
           array(select r.rolname::text from pg_roles r where r.rolname ~ '_app$'
                 and has_function_privilege(r.oid, p.oid, 'execute')
                 and has_schema_privilege(r.oid, p.pronamespace, 'usage'))
         from pg_proc p where p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
           and p.prorettype <> 'trigger'::regtype order by 1",
    );
    let rows = rows.fetch_all(admin).await.unwrap();
    let function = |row: &sqlx::postgres::PgRow| {
        let roles: Vec<String> = row.get(3);
        let may = |service: &Service| roles.iter().any(|role| role == service.database_role());
        Function {
            name: row.get(1),
            arguments: row.get(2),
            callers: Service::ALL.into_iter().filter(may).collect(),
        }
    };
    rows.iter().map(function).collect()
}

/// Calls of a function, about the other account wherever an argument can be about one.
fn calls(function: &Function, other: Tenant) -> BTreeSet<String> {
    let texts = Service::ALL.map(Service::name).into_iter().chain(["words"]);
    let mut calls = BTreeSet::new();
    for text in texts {
        for id in [other.creator, other.id] {
            let values: Vec<String> = function
                .arguments
                .iter()
                .map(|kind| value(kind, text, id))
                .collect();
            let call = format!(
                "select f::text from {}({}) f",
                function.name,
                values.join(", ")
            );
            calls.insert(call);
        }
    }
    calls
}

fn value(kind: &str, text: &str, id: Uuid) -> String {
    let plain = match kind {
        "text" => format!("'{text}'"),
        "text[]" => format!("array['{text}', 'export', 'words']"),
        "uuid" => format!("'{id}'"),
        "uuid[]" => format!("array['{id}']"),
        "bytea" => "decode(repeat('ab', 32), 'hex')".to_owned(),
        "interval" => "interval '1 minute'".to_owned(),
        "interval[]" => "array[interval '1 minute']".to_owned(),
        "timestamp with time zone" => "now()".to_owned(),
        "boolean" => "true".to_owned(),
        "jsonb" => "'{}'".to_owned(),
        "inet" => "'192.0.2.7'".to_owned(),
        "regclass" => "'auth.users'".to_owned(),
        "regprocedure" => "'auth.erase_tenant()'".to_owned(),
        "regrole" => "'auth_app'".to_owned(),
        list if list.ends_with("[]") => "array[1]".to_owned(),
        _ => "10".to_owned(),
    };
    format!("{plain}::{kind}")
}

/// What the database has of an account, by table.
async fn state(
    admin: &mut PgConnection,
    tables: &[&Table],
    of: Tenant,
) -> BTreeMap<String, String> {
    let digests: Vec<String> = tables
        .iter()
        .map(|table| {
            let name = &table.name;
            format!(
                "select '{name}', md5(coalesce(string_agg(t::text, '|' order by t::text), ''))
                 from {name} t where creator_id = '{}'",
                of.creator
            )
        })
        .collect();
    let sql = AssertSqlSafe(digests.join(" union all "));
    let rows = sqlx::query(sql).fetch_all(admin).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Puts the rows of both accounts back.
async fn restore(admin: &mut PgConnection, proving: &Proving) {
    rows::run(admin, "set session_replication_role = replica").await;
    for table in proving.tenant_tables() {
        rows::run(admin, &format!("delete from {}", table.name)).await;
    }
    rows::fill(admin, &proving.tables, &[proving.own, proving.other]).await;
}

/// Calls a function in a transaction of the own account: the rows that it returns, and whether the
/// role was not allowed to.
async fn call(connection: &mut PgConnection, own: Tenant, sql: &str) -> (Vec<String>, bool) {
    let begin = format!(
        "begin; set local app.current_creator_id = '{}'",
        own.creator
    );
    rows::run(connection, &begin).await;
    let query = sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(sql.to_owned()));
    let found = query.persistent(false).fetch_all(&mut *connection).await;
    let end = if found.is_ok() { "commit" } else { "rollback" };
    rows::run(connection, end).await;
    match found {
        Ok(rows) => (rows.into_iter().flatten().collect(), false),
        Err(error) => {
            let fault = error
                .as_database_error()
                .unwrap_or_else(|| panic!("{sql}: {error}"));
            let denied = fault.message().starts_with("permission denied for ");
            (Vec::new(), denied)
        }
    }
}

/// What a function does to the other account when a service calls it.
async fn reach(
    proving: &Proving,
    admin: &mut PgConnection,
    function: &Function,
    service: Service,
) -> BTreeSet<String> {
    let tables: Vec<&Table> = proving.tenant_tables().collect();
    let (own, other) = (proving.own, proving.other);
    let mut connection = proving.login(service).connect().await.unwrap();
    let granted = function.callers.contains(&service);
    let mut reached = BTreeSet::new();
    for sql in calls(function, other) {
        let before = (
            state(admin, &tables, own).await,
            state(admin, &tables, other).await,
        );
        let (rows, denied) = call(&mut connection, own, &sql).await;
        assert!(granted || denied, "{service:?} may call {sql}");
        let marks = [other.creator.to_string(), other.id.to_string()];
        // What it was told it may say again.
        let told = |mark: &String| sql.contains(mark.as_str());
        let names = |row: &String| marks.iter().any(|mark| !told(mark) && row.contains(mark));
        if rows.iter().any(names) {
            reached.insert("returns an id".to_owned());
        }
        let after = (
            state(admin, &tables, own).await,
            state(admin, &tables, other).await,
        );
        for (table, digest) in &after.1 {
            if before.1[table] != *digest {
                reached.insert(format!("changes {table}"));
            }
        }
        if before != after {
            restore(admin, proving).await;
            give_to_others(proving, service).await;
        }
        if !granted {
            break; // the other calls are refused alike
        }
    }
    reached
}

/// Makes jobs and the like another service's: what is its own, a service may claim for any account.
async fn give_to_others(proving: &Proving, service: Service) {
    let other = match service {
        Service::Auth => Service::CreatorHub,
        _ => Service::Auth,
    };
    // The other account's job comes first, so that a claim takes that one.
    let earlier = format!(
        "update platform.jobs set run_at = now() - interval '1 hour' where creator_id = '{}'",
        proving.other.creator
    );
    let earlier = sqlx::raw_sql(AssertSqlSafe(earlier));
    earlier.execute(&proving.admin).await.unwrap();
    for table in proving.tenant_tables() {
        rows::give_to(&proving.admin, table, other).await;
    }
}

#[tokio::test]
async fn a_function_that_claims_a_job_of_another_service_is_seen() {
    let proving = Proving::new().await;
    let mut admin = proving.admin.connect_options().connect().await.unwrap();
    let functions = functions(&proving.admin).await;
    let claim = functions
        .iter()
        .find(|function| function.name == "platform.claim_job");
    let claim = claim.unwrap();
    for (state, seen) in [("enable", false), ("disable", true)] {
        let change = format!("alter table platform.jobs {state} trigger user");
        rows::run(&mut admin, &change).await;
        give_to_others(&proving, Service::CreatorHub).await;
        let reached = reach(&proving, &mut admin, claim, Service::CreatorHub).await;
        assert_eq!(
            reached.contains("changes platform.jobs"),
            seen,
            "{reached:?}"
        );
    }
}

#[tokio::test]
async fn what_functions_reach_of_another_account_is_written_out() {
    let proving = Proving::new().await;
    let mut admin = proving.admin.connect_options().connect().await.unwrap();
    for table in &proving.tables {
        // The matrix looks at policies alone; here triggers guard, too.
        let enable = format!("alter table {} enable trigger user", table.name);
        rows::run(&mut admin, &enable).await;
    }
    let (mut text, mut called) = (String::new(), 0);
    let functions = functions(&proving.admin).await;
    for service in Service::ALL {
        give_to_others(&proving, service).await;
        for function in &functions {
            called += 1;
            for what in reach(&proving, &mut admin, function, service).await {
                let role = service.database_role();
                let arguments = function.arguments.join(",");
                let _ = writeln!(text, "{role}: {}({arguments}) {what}", function.name);
            }
        }
    }
    assert!(called > 200, "{called} functions and services");
    let file = platform_tests::root().join("tests/integration/function_reach.txt");
    assert_golden(&file, &text);
}
