//! Every tenant table, as the real login role of every service, by every command, under every
//! context: only the own rows, only what was granted.

use std::io::{self, Write as _};

use shared_config::Service;

use crate::rls::attempt::{Outcome, Statement, attempt};
use crate::rls::database::Proving;
use crate::rls::matrix::{self, Context};

#[tokio::test]
async fn no_role_reaches_a_foreign_row_by_any_command_under_any_context() {
    let proving = Proving::new().await;
    let mut roles = proving.roles().await;
    let (mut tried, mut different, mut tables) = (0, Vec::new(), 0);
    for table in proving.tenant_tables() {
        let what = (table, Service::ALL.as_slice());
        let (count, found) = matrix::differences(&proving, &mut roles, what, false).await;
        tried += count;
        tables += 1;
        different.extend(found);
    }
    assert!(different.is_empty(), "{different:#?}");
    assert!(
        tables >= 14 && tried >= 5_000,
        "{tables} tables, {tried} cases"
    );
    let _ = writeln!(
        io::stderr(),
        "measured: row security matrix: {tables} tables, {} roles, {} contexts: {tried} cases",
        Service::ALL.len(),
        Context::ALL.len(),
    );
}

#[tokio::test]
async fn no_role_touches_a_table_that_no_tenant_owns() {
    let proving = Proving::new().await;
    let mut roles = proving.roles().await;
    for table in proving.tables.iter().filter(|table| !table.has_tenant()) {
        let (name, column) = (&table.name, &table.columns[0].name);
        for statement in [
            format!("select from {name}"),
            format!("select {column} from {name}"),
            format!("update {name} set {column} = {column}"),
            format!("delete from {name}"),
            format!("insert into {name} default values"),
            format!("truncate {name}"),
        ] {
            for service in Service::ALL {
                let connection = roles.of(service, Context::Own);
                let own = proving.own.creator.to_string();
                let tried = Statement::Sql(statement.clone());
                let found = attempt(connection, Some(&own), &tried).await;
                assert_eq!(found, Outcome::Denied, "{service:?}: {statement}");
                roles.rest(service).await;
            }
        }
    }
}
