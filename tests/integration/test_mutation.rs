//! Takes the protection apart, one policy and one grant at a time: the suite goes red each time.
//! `make test` tries one in 25, `make test-exhaustive` all.
//!
//! Red by the matrix means that a role's command really ended otherwise; by the catalogue, that a
//! rule of the recipe is broken; by the rights, that the committed list differs.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use shared_config::Service;
use shared_testkit::{Sample, Stores, TestDatabase};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, PgPool};

use crate::rls::database::{Proving, Roles};
use crate::rls::matrix;
use crate::rls::tables::Table;
use crate::test_catalogue::{
    BeginForTest as _, creators_of_objects, faults, functions, loose_functions,
};
use crate::test_rights::rights;

/// A change for the worse, and how it is undone.
#[derive(Debug)]
struct Mutation {
    change: String,
    undo: String,
    /// Whether a role's commands must show it, not only the catalogue.
    shows: bool,
}

/// A random part of the mutations, unless every case is asked for.
fn sample<T>(test: &str, all: Vec<T>) -> Vec<T> {
    let some = all.len().div_ceil(25);
    Sample::from_env().of(test, all, some)
}

/// Who noticed a mutation.
#[derive(Debug, Default)]
struct MutationCounts {
    /// How many were tried.
    mutations: usize,
    by_matrix: usize,
    by_catalogue: usize,
    by_rights: usize,
    missed: Vec<String>,
}

impl MutationCounts {
    fn report(&self, what: &str, all: usize) {
        assert!(self.missed.is_empty(), "not noticed: {:#?}", self.missed);
        let _ = writeln!(
            io::stderr(),
            "measured: {what}: {} of {all} mutations, all red; by the matrix {}, the catalogue {}, \
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
    counts: &mut MutationCounts,
) {
    let before = rights(&proving.admin).await;
    execute(&proving.admin, &mutation.change).await;
    let (_, found) = matrix::differences(proving, roles, (table, services), true).await;
    let by_catalogue = !faults(&proving.admin).await.is_empty();
    let by_rights = rights(&proving.admin).await != before;
    execute(&proving.admin, &mutation.undo).await;
    let after = rights(&proving.admin).await;
    assert_eq!(after, before, "{mutation:?} was not undone");
    counts.mutations += 1;
    counts.by_matrix += usize::from(!found.is_empty());
    counts.by_catalogue += usize::from(by_catalogue);
    counts.by_rights += usize::from(by_rights);
    let behaves = !mutation.shows || !found.is_empty();
    if !behaves || !(by_catalogue || by_rights) {
        counts.missed.push(mutation.change.clone());
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
    let mut counts = MutationCounts::default();
    let mut all = Vec::new();
    for table in proving.tenant_tables() {
        let readers = proving.readers(table);
        assert!(!readers.is_empty(), "nobody reads {}", table.name);
        let mutations = policy_mutations(&table.name).into_iter();
        all.extend(mutations.map(|mutation| (table, readers.clone(), mutation)));
    }
    let cases = all.len();
    assert!(cases > 200, "{cases} ways to lose a policy");
    let mut tried = BTreeMap::new();
    for (table, readers, mutation) in sample("policies", all) {
        let what = (table, readers.as_slice());
        try_mutation(&proving, &mut roles, what, &mutation, &mut counts).await;
        tried.insert(&table.name, (table, readers));
    }
    // Red was the mutation's doing: with the policy back, all is as the rule says.
    for (table, readers) in tried.values() {
        let what = (*table, readers.as_slice());
        let (_, left) = matrix::differences(&proving, &mut roles, what, true).await;
        assert!(left.is_empty(), "{left:#?}");
    }
    counts.report("policies of tenants", cases);
}

#[tokio::test]
async fn the_suite_goes_red_for_every_grant_that_is_taken() {
    let proving = Proving::new().await;
    let mut roles = proving.roles().await;
    let mut counts = MutationCounts::default();
    let mut all = Vec::new();
    for (table, service) in proving.pairs() {
        for (privilege, column) in proving.grants(table, service).await {
            // The suite inserts rows with the columns that must be named, and no others.
            let is_named = |name: &String| table.needed().any(|column| column.name == *name);
            let shows = privilege != "INSERT" || column.as_ref().is_none_or(is_named);
            let of = column.map_or_else(String::new, |column| format!(" ({column})"));
            let what = format!("{privilege}{of} on {}", table.name);
            let role = service.database_role();
            let mutation = Mutation {
                change: format!("revoke {what} from {role}"),
                undo: format!("grant {what} to {role}"),
                shows,
            };
            all.push((table, service, mutation));
        }
    }
    let cases = all.len();
    assert!(cases > 100, "{cases} grants");
    for (table, service, mutation) in sample("grants taken", all) {
        let what = (table, &[service][..]);
        try_mutation(&proving, &mut roles, what, &mutation, &mut counts).await;
    }
    counts.report("grants taken", cases);
}

#[tokio::test]
async fn the_suite_goes_red_for_every_grant_that_is_added() {
    let proving = Proving::new().await;
    let mut roles = proving.roles().await;
    let mut counts = MutationCounts::default();
    let mut all = Vec::new();
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
            all.push((table, service, mutation));
        }
    }
    let cases = all.len();
    assert!(cases > 100, "{cases} grants that nobody has");
    for (table, service, mutation) in sample("grants added", all) {
        let tried: &[Service] = if mutation.shows { &[service] } else { &[] };
        try_mutation(&proving, &mut roles, (table, tried), &mutation, &mut counts).await;
    }
    counts.report("grants added", cases);
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
      and not has_schema_privilege(r.oid, n.oid, 'usage')
    union all
    select format('grant create on schema %I to %I', n.nspname, r.rolname)
    from pg_namespace n, pg_roles r
    where n.nspname in ('public', 'platform', 'auth', 'hub', 'ai', 'channel')
      and r.rolname ~ '_app$'
    union all
    select format('grant %s on database %I to %I', privilege, d.datname, r.rolname)
    from pg_database d, pg_roles r, unnest(array['temporary', 'create']) privilege
    where d.datname ~ '^template_[0-9a-f]{16}$' and r.rolname ~ '_app$'
    union all
    select format('alter table %s disable trigger %I', tgrelid::regclass, tgname)
    from pg_trigger where not tgisinternal
    union all
    select format('drop trigger %I on %s', tgname, tgrelid::regclass)
    from pg_trigger where not tgisinternal
    union all
    select format('grant %I to %I', g.rolname, r.rolname) from pg_roles g, pg_roles r
    where r.rolname ~ '_app$' and r.rolname <> 'platform_app' and g.rolname <> 'platform_app'
      and g.rolname ~ '^(platform_owner|auth_|channel_|job_|event_|tenant_|retention_)'
      and g.rolname !~ '_app$'
    union all
    select format('alter role %I bypassrls', rolname) from pg_roles where rolname ~ '_app$'";

/// What is tried on every function: another body, another search path, other rights.
const FUNCTION_MUTATIONS: &str = "
    select unnest(array[
      replace(pg_get_functiondef(p.oid), 'AS $function$', 'AS $function$ /* changed */ '),
      format('alter function %s set search_path = pg_catalog', p.oid::regprocedure),
      format('alter function %s set search_path = pg_catalog, public', p.oid::regprocedure),
      format('alter function %s reset search_path', p.oid::regprocedure),
      format('alter function %s security %s', p.oid::regprocedure,
             case when p.prosecdef then 'invoker' else 'definer' end)])
    from pg_proc p where p.pronamespace::regnamespace::text !~ '^(pg_|information_schema)'";

/// What the catalogue and the rights say of everything but the tables' policies.
async fn audit(connection: &mut PgConnection) -> (String, Vec<String>) {
    let rights = rights(&mut *connection).await;
    let mut found = functions(&mut *connection).await;
    found.extend(loose_functions(&mut *connection).await);
    found.extend(creators_of_objects(&mut *connection).await);
    (rights, found)
}

#[tokio::test]
async fn the_suite_goes_red_for_every_function_schema_and_lookup_that_changes_hands() {
    let what = "lookups, triggers, roles and schemas";
    goes_red(what, OTHER_MUTATIONS, 200).await;
}

#[tokio::test]
async fn the_suite_goes_red_for_every_function_that_is_replaced_or_loosened() {
    goes_red("functions", FUNCTION_MUTATIONS, 300).await;
}

/// Tries each change that the query names, and lets the audit look at it.
async fn goes_red(what: &str, changes: &'static str, at_least: usize) {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let admin = database.admin().await;
    let mut connection = admin.connect_options().connect().await.unwrap();
    let before = audit(&mut connection).await;
    let changes: Vec<String> = sqlx::query_scalar(changes).fetch_all(&admin).await.unwrap();
    let mut counts = MutationCounts::default();
    let cases = changes.len();
    assert!(cases > at_least, "{cases} changes");
    for change in sample(what, changes) {
        let mut transaction = admin.begin_for_test().await;
        sqlx::raw_sql(AssertSqlSafe(change.clone()))
            .execute(&mut *transaction)
            .await
            .unwrap_or_else(|error| panic!("{change}: {error}"));
        counts.mutations += 1;
        let (rights, functions) = audit(&mut transaction).await;
        if rights != before.0 {
            counts.by_rights += 1;
        } else if functions != before.1 {
            counts.by_catalogue += 1;
        } else {
            counts.missed.push(change);
        }
        transaction.rollback().await.unwrap();
    }
    counts.report(what, cases);
}
