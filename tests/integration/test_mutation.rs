//! Takes the protection apart, one policy and one grant at a time: the suite goes red each time.
//!
//! Red by the matrix means that a role's command really ended otherwise; by the catalogue, that a
//! rule of the recipe is broken; by the rights, that the committed list differs.

use std::io::{self, Write as _};

use shared_config::Service;
use shared_testkit::{Stores, TestDatabase};
use sqlx::{AssertSqlSafe, PgPool};

use crate::rls::database::{Proving, Roles};
use crate::rls::matrix;
use crate::rls::tables::Table;
use crate::test_catalogue::{BeginForTest as _, faults};
use crate::test_rights::rights;

/// A change for the worse, and how it is undone.
#[derive(Debug)]
struct Mutation {
    change: String,
    undo: String,
    /// Whether a role's commands must show it, not only the catalogue.
    shows: bool,
}

/// Who noticed a mutation.
#[derive(Debug, Default)]
struct RowCounts {
    mutations: usize,
    by_matrix: usize,
    by_catalogue: usize,
    by_rights: usize,
    missed: Vec<String>,
}

impl RowCounts {
    fn report(&self, what: &str) {
        assert!(self.missed.is_empty(), "not noticed: {:#?}", self.missed);
        let _ = writeln!(
            io::stderr(),
            "measured: {what}: {} mutations, all red; by the matrix {}, the catalogue {}, \
             the rights {}",
            self.mutations,
            self.by_matrix,
            self.by_catalogue,
            self.by_rights,
        );
    }
}

async fn execute(admin: &PgPool, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(admin).await.unwrap();
}

/// Makes the change, lets the whole suite look, undoes it.
async fn try_mutation(
    proving: &Proving,
    roles: &mut Roles,
    (table, services): (&Table, &[Service]),
    mutation: &Mutation,
    tally: &mut RowCounts,
) {
    let before = rights(&proving.admin).await;
    execute(&proving.admin, &mutation.change).await;
    let (_, found) = matrix::differences(proving, roles, (table, services), true).await;
    let by_catalogue = !faults(&proving.admin).await.is_empty();
    let by_rights = rights(&proving.admin).await != before;
    execute(&proving.admin, &mutation.undo).await;
    let after = rights(&proving.admin).await;
    assert_eq!(after, before, "{mutation:?} was not undone");
    tally.mutations += 1;
    tally.by_matrix += usize::from(!found.is_empty());
    tally.by_catalogue += usize::from(by_catalogue);
    tally.by_rights += usize::from(by_rights);
    let behaves = !mutation.shows || !found.is_empty();
    if !behaves || !(by_catalogue || by_rights) {
        tally.missed.push(mutation.change.clone());
    }
}

/// Ways to lose the policy of a tenant table.
fn policy_mutations(table: &str) -> Vec<Mutation> {
    let whole = "creator_id = (select nullif(current_setting('app.current_creator_id', true), '')\
                 ::uuid)";
    let bare = "creator_id = current_setting('app.current_creator_id', true)::uuid";
    let shown = [
        format!("alter table {table} disable row level security"),
        format!("drop policy tenant on {table}"),
        format!("alter policy tenant on {table} using (true)"),
        format!("alter policy tenant on {table} using (creator_id is not null)"),
        format!("alter policy tenant on {table} using ({whole} or {bare} is null)"),
        format!("alter policy tenant on {table} using ({bare}) with check ({bare})"),
        format!("create policy loose on {table} for all to platform_app using (true)"),
        format!("create policy loose on {table} for select to public using (true)"),
        format!("create policy tight on {table} as restrictive to platform_app using (false)"),
    ];
    // Nothing that a role does shows these today: the owner is no service, and the checks of a
    // table whose rows nobody may insert or update are never run.
    let silent = [
        format!("alter table {table} no force row level security"),
        format!("alter policy tenant on {table} with check (true)"),
        format!("alter policy tenant on {table} to public"),
        format!("drop policy erasure on {table}"),
        format!("alter policy erasure on {table} using (true)"),
        format!("alter policy erasure on {table} to platform_app"),
        format!("create policy loose on {table} for insert to platform_app with check (true)"),
    ];
    let undo = format!(
        "drop policy if exists tenant on {table}; drop policy if exists loose on {table};
         drop policy if exists tight on {table}; drop policy if exists erasure on {table};
         select platform.protect('{table}')"
    );
    let mutation = |shows| {
        let undo = undo.clone();
        move |change: String| Mutation {
            change,
            undo: undo.clone(),
            shows,
        }
    };
    let shown = shown.into_iter().map(mutation(true));
    shown
        .chain(silent.into_iter().map(mutation(false)))
        .collect()
}

#[tokio::test]
async fn the_suite_goes_red_for_every_policy_that_is_dropped_or_weakened() {
    let proving = Proving::new().await;
    let mut roles = proving.roles().await;
    let mut tally = RowCounts::default();
    for table in proving.tenant_tables() {
        let services = proving.readers(table);
        assert!(!services.is_empty(), "nobody reads {}", table.name);
        for mutation in policy_mutations(&table.name) {
            let what = (table, services.as_slice());
            try_mutation(&proving, &mut roles, what, &mutation, &mut tally).await;
        }
        // Red was the mutation's doing: with the policy back, all is as the rule says.
        let what = (table, services.as_slice());
        let (_, left) = matrix::differences(&proving, &mut roles, what, true).await;
        assert!(left.is_empty(), "{left:#?}");
    }
    tally.report("policies of tenants");
}

#[tokio::test]
async fn the_suite_goes_red_for_every_grant_that_is_taken() {
    let proving = Proving::new().await;
    let mut roles = proving.roles().await;
    let mut tally = RowCounts::default();
    for (table, service) in proving.pairs() {
        for (privilege, column) in proving.grants(table, service).await {
            let of = column.map_or_else(String::new, |column| format!(" ({column})"));
            let what = format!("{privilege}{of} on {}", table.name);
            let role = service.database_role();
            let mutation = Mutation {
                change: format!("revoke {what} from {role}"),
                undo: format!("grant {what} to {role}"),
                shows: true,
            };
            let what = (table, &[service][..]);
            try_mutation(&proving, &mut roles, what, &mutation, &mut tally).await;
        }
    }
    assert!(tally.mutations > 100, "{tally:?}");
    tally.report("grants taken");
}

#[tokio::test]
async fn the_suite_goes_red_for_every_grant_that_is_added() {
    let proving = Proving::new().await;
    let mut roles = proving.roles().await;
    let mut tally = RowCounts::default();
    for (table, service) in proving.pairs() {
        let role = service.database_role();
        let inside = proving.is_inside(table, service).await;
        for privilege in proving.not_granted(table, service).await {
            // Without USAGE of the schema the grant has no effect yet; the list still shows it.
            let shows = inside && ["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&&*privilege);
            let needs_select = ["UPDATE", "DELETE"].contains(&&*privilege);
            let reads = proving.readers(table).contains(&service);
            let mutation = Mutation {
                change: format!("grant {privilege} on {} to {role}", table.name),
                undo: format!("revoke {privilege} on {} from {role}", table.name),
                shows: shows && (reads || !needs_select),
            };
            let tried: &[Service] = if mutation.shows { &[service] } else { &[] };
            try_mutation(&proving, &mut roles, (table, tried), &mutation, &mut tally).await;
        }
    }
    assert!(tally.mutations > 100, "{tally:?}");
    tally.report("grants added");
}

/// What is tried on everything that is no tenant's policy and no service's grant on a table.
const OTHER_MUTATIONS: &str = "
    select format('drop policy %I on %s', polname, polrelid::regclass) from pg_policy
    where polname <> 'tenant'
    union all
    select format('alter policy %I on %s to public', polname, polrelid::regclass) from pg_policy
    where polname <> 'tenant'
    union all
    select format('revoke execute on function %s from %I', p.oid::regprocedure, r.rolname)
    from pg_proc p, aclexplode(p.proacl) g join pg_roles r on r.oid = g.grantee
    where p.prosecdef and g.grantee <> p.proowner and p.pronamespace::regnamespace::text !~ '^pg_'
    union all
    select format('grant execute on function %s to public', p.oid::regprocedure) from pg_proc p
    where p.prosecdef and p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
    union all
    select format('alter function %s owner to platform_owner', p.oid::regprocedure) from pg_proc p
    where p.prosecdef and p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
    union all
    select format('revoke %s on %s from %I', g.privilege_type, c.oid::regclass, r.rolname)
    from pg_class c, aclexplode(c.relacl) g join pg_roles r on r.oid = g.grantee
    where g.grantee <> c.relowner and c.relnamespace::regnamespace::text !~ '^(pg_|information)'
    union all
    select format('grant usage on schema %I to %I', n.nspname, r.rolname)
    from pg_namespace n, pg_roles r
    where n.nspname in ('auth', 'hub', 'ai', 'channel') and r.rolname ~ '_app$'
      and not has_schema_privilege(r.oid, n.oid, 'usage')";

#[tokio::test]
async fn the_suite_goes_red_for_every_function_schema_and_lookup_that_changes_hands() {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let admin = database.admin().await;
    let before = rights(&admin).await;
    let changes: Vec<String> = sqlx::query_scalar(OTHER_MUTATIONS)
        .fetch_all(&admin)
        .await
        .unwrap();
    let mut tally = RowCounts::default();
    for change in changes {
        let mut transaction = admin.begin_for_test().await;
        sqlx::raw_sql(AssertSqlSafe(change.clone()))
            .execute(&mut *transaction)
            .await
            .unwrap();
        tally.mutations += 1;
        if rights(&mut *transaction).await == before {
            tally.missed.push(change);
        } else {
            tally.by_rights += 1;
        }
        transaction.rollback().await.unwrap();
    }
    assert!(tally.mutations > 60, "{tally:?}");
    tally.report("lookups, functions and schemas");
}
