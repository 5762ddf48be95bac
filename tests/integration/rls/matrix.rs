//! Table × role × command × context: what is tried, and the rule that says how it must end.

use shared_config::Service;
use uuid::Uuid;

use super::attempt::{Outcome, Statement, attempt};
use super::database::{Proving, Roles};
use super::rows::{self, Tenant};
use super::tables::{Column, Table};

/// Which tenant the transaction names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    Own,
    Foreign,
    /// The connection has never heard of the setting.
    Unset,
    /// What a pooled connection reads after a tenant transaction.
    Empty,
    Malformed,
}

impl Context {
    pub(crate) const ALL: [Self; 5] = [
        Self::Own,
        Self::Foreign,
        Self::Unset,
        Self::Empty,
        Self::Malformed,
    ];
}

/// What kind of command a case tries; the rule knows these and no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Reads, changes or removes a row that is there.
    Reach,
    /// Writes a new row, with or without ON CONFLICT DO UPDATE.
    Write,
    /// Gives a row to another tenant.
    GiveAway,
    /// COPY … TO.
    CopyOut,
    /// COPY … FROM.
    CopyIn,
    /// LOCK TABLE, which asks for no tenant.
    Lock,
}

/// One thing to try as one role.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    command: Command,
    /// Whether the grants allow it.
    granted: bool,
    statement: Statement,
    /// Whose row it is about.
    own: Uuid,
}

/// The rule: grants come first, then the policy, which knows the context alone.
pub(crate) fn expected(command: Command, granted: bool, context: Context) -> Outcome {
    match (granted, command, context) {
        (false, ..) => Outcome::Denied,
        (true, Command::CopyIn, _) => Outcome::NotSupported,
        (true, Command::Lock, _) => Outcome::Rows(0),
        (true, _, Context::Malformed) => Outcome::Malformed,
        (true, Command::GiveAway, Context::Own) => Outcome::PolicyRefused,
        (true, _, Context::Own) => Outcome::Rows(1),
        (true, Command::Write, _) => Outcome::PolicyRefused,
        (true, ..) => Outcome::Rows(0),
    }
}

/// A case that did not end as the rule says.
#[derive(Debug)]
#[expect(dead_code, reason = "read by people, in the message of a failing test")]
pub(crate) struct Difference {
    what: String,
    context: Context,
    expected: Outcome,
    found: Outcome,
}

/// Tries every case of a table as the given roles; stops at the first difference when told so.
pub(crate) async fn differences(
    proving: &Proving,
    roles: &mut Roles,
    (table, services): (&Table, &[Service]),
    first_only: bool,
) -> (usize, Vec<Difference>) {
    let (mut tried, mut different) = (0, Vec::new());
    for service in services {
        rows::give_to(&proving.admin, table, *service).await;
        for case in cases(proving, table, *service) {
            for context in Context::ALL {
                tried += 1;
                different.extend(difference(proving, roles, *service, &case, context).await);
                if first_only && !different.is_empty() {
                    roles.rest(*service).await;
                    return (tried, different);
                }
            }
        }
        roles.rest(*service).await;
    }
    (tried, different)
}

/// Tries one case under one context.
async fn difference(
    proving: &Proving,
    roles: &mut Roles,
    service: Service,
    case: &Case,
    context: Context,
) -> Option<Difference> {
    let text = text(context, case.own, proving.other.creator);
    if case.command == Command::Lock {
        // The attempts before it hold locks until they are ended.
        roles.rest(service).await;
    }
    let found = if case.command == Command::CopyOut {
        // sqlx 0.9 leaves a refused COPY … TO half read, so its connection ends.
        let mut connection = roles.another(service).await;
        attempt(&mut connection, text.as_deref(), &case.statement).await
    } else {
        let connection = roles.of(service, context);
        attempt(connection, text.as_deref(), &case.statement).await
    };
    let expected = expected(case.command, case.granted, context);
    (found != expected).then(|| Difference {
        what: format!("{}: {}", service.database_role(), case.name),
        context,
        expected,
        found,
    })
}

fn text(context: Context, own: Uuid, other: Uuid) -> Option<String> {
    match context {
        Context::Own => Some(own.to_string()),
        Context::Foreign => Some(other.to_string()),
        Context::Unset => None,
        Context::Empty => Some(String::new()),
        Context::Malformed => Some("no-tenant".to_owned()),
    }
}

/// Every case of one table for one role. Columns are tried one by one, since grants are.
fn cases(proving: &Proving, table: &Table, service: Service) -> Vec<Case> {
    let mut cases = reaches(proving, table, service);
    cases.push(gift(proving, table, service));
    cases.extend(writes(proving, table, service));
    cases.extend(copies(proving, table, service));
    cases.push(lock(proving, table, service));
    cases
}

/// SELECT and UPDATE of each column, and DELETE, of a row that is there.
fn reaches(proving: &Proving, table: &Table, service: Service) -> Vec<Case> {
    let own = proving.own.creator;
    let (name, mine) = (&table.name, format!("where creator_id = '{own}'"));
    let right = |column: &str| proving.rights.of(service, table, column);
    let owner = right("creator_id");
    let case = |command: &str, granted, sql: String| Case {
        name: format!("{name}: {command}"),
        command: Command::Reach,
        granted: owner.select && granted,
        statement: Statement::Sql(sql),
        own,
    };
    let mut cases = vec![
        case("delete", owner.delete, format!("delete from {name} {mine}")),
        case(
            "merge",
            owner.delete,
            format!(
                "merge into {name} t using (values (1)) v (n) on t.creator_id = '{own}'
                 when matched then delete"
            ),
        ),
    ];
    for Column {
        name: column,
        is_generated,
        ..
    } in &table.columns
    {
        let right = right(column);
        cases.push(case(
            &format!("select {column}"),
            right.select,
            format!("select {column} from {name} {mine}"),
        ));
        if !is_generated && column != "creator_id" {
            cases.push(case(
                &format!("update {column}"),
                right.select && right.update,
                format!("update {name} set {column} = {column} {mine}"),
            ));
        }
    }
    cases
}

/// UPDATE that makes a row another tenant's.
fn gift(proving: &Proving, table: &Table, service: Service) -> Case {
    let (own, other) = (proving.own.creator, proving.other.creator);
    let owner = proving.rights.of(service, table, "creator_id");
    let name = &table.name;
    Case {
        name: format!("{name}: give away"),
        command: Command::GiveAway,
        granted: owner.select && owner.update,
        statement: Statement::Sql(format!(
            "update {name} set creator_id = '{other}' where creator_id = '{own}'"
        )),
        own,
    }
}

/// INSERT for a tenant without rows, and INSERT … ON CONFLICT DO UPDATE of a row that is there.
fn writes(proving: &Proving, table: &Table, service: Service) -> [Case; 2] {
    let right = |column: &str| proving.rights.of(service, table, column);
    let may_insert = table.needed().all(|column| right(&column.name).insert);
    let insert = |tenant: Tenant| rows::insert(table, tenant, Some(service));
    let free = |column: &&Column| !column.in_key && !column.is_generated;
    let changed = |column: &&Column| free(column) && right(&column.name).update;
    let columns = &table.columns;
    let target = columns.iter().find(changed);
    let target = target.or_else(|| columns.iter().find(free));
    let target = target.or_else(|| columns.first()).unwrap();
    let key = columns.iter().filter(|column| column.in_key);
    let may_upsert = may_insert
        && right(&target.name).update
        && right(&target.name).select
        && key
            .map(|column| right(&column.name))
            .all(|right| right.select);
    let (key, column) = (table.key(), &target.name);
    let upsert = insert(proving.own)
        + &format!(" on conflict ({key}) do update set {column} = excluded.{column}");
    [
        Case {
            name: format!("{}: insert", table.name),
            command: Command::Write,
            granted: may_insert,
            statement: Statement::Sql(insert(proving.fresh)),
            own: proving.fresh.creator,
        },
        Case {
            name: format!("{}: upsert", table.name),
            command: Command::Write,
            granted: may_upsert,
            statement: Statement::Sql(upsert),
            own: proving.own.creator,
        },
    ]
}

/// A role that writes a table may lock it, one that reads it may not.
fn lock(proving: &Proving, table: &Table, service: Service) -> Case {
    Case {
        name: format!("{}: lock", table.name),
        command: Command::Lock,
        granted: proving.rights.of(service, table, "creator_id").lock,
        statement: Statement::Sql(format!(
            "lock table {} in access exclusive mode",
            table.name
        )),
        own: proving.own.creator,
    }
}

fn copies(proving: &Proving, table: &Table, service: Service) -> [Case; 2] {
    let (name, own) = (&table.name, proving.own.creator);
    let right = proving.rights.of(service, table, "creator_id");
    let case = |way: &str, command, granted, statement| Case {
        name: format!("{name}: copy {way}"),
        command,
        granted,
        statement,
        own,
    };
    let out = Statement::CopyOut(format!("copy {name} (creator_id) to stdout"), own);
    let into = Statement::CopyIn(format!("copy {name} (creator_id) from stdin"));
    [
        case("to", Command::CopyOut, right.select, out),
        case("from", Command::CopyIn, right.insert, into),
    ]
}
