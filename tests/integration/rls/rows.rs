//! Rows for any table, made from what the catalogue says of its columns.

use shared_config::Service;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

use super::tables::{Column, Table};

/// A tenant of the suite, all of whose rows have the same id: whatever a path or a foreign key
/// asks for, that id is one of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tenant {
    pub(crate) creator: Uuid,
    pub(crate) id: Uuid,
}

impl Tenant {
    pub(crate) fn new() -> Self {
        Self {
            creator: Uuid::now_v7(),
            id: Uuid::now_v7(),
        }
    }
}

/// An INSERT of a tenant's row that names what must be named. A service inserts what is its own.
pub(crate) fn insert(table: &Table, tenant: Tenant, service: Option<Service>) -> String {
    let own = |column: &Column| service.and_then(|service| of_a_service(column, service));
    let value = |column| own(column).unwrap_or_else(|| value(table, column, tenant));
    let (names, values): (Vec<_>, Vec<_>) = table
        .needed()
        .map(|column| (column.name.as_str(), value(column)))
        .unzip();
    format!(
        "insert into {} ({}) values ({})",
        table.name,
        names.join(", "),
        values.join(", ")
    )
}

/// What a column has in rows of one service only, where a restrictive policy asks for it.
fn of_a_service(column: &Column, service: Service) -> Option<String> {
    match column.name.as_str() {
        "queue" => Some(format!("'{}'", service.name())),
        "service" => Some(format!("'{}'", service.database_role())),
        _ => None,
    }
}

/// Makes the rows of a table that service's, where rows have one: others must not change them.
pub(crate) async fn give_to(admin: &PgPool, table: &Table, service: Service) {
    for column in &table.columns {
        if let Some(value) = of_a_service(column, service) {
            let (table, column) = (&table.name, &column.name);
            let statement = AssertSqlSafe(format!("update {table} set {column} = {value}"));
            sqlx::raw_sql(statement).execute(admin).await.unwrap();
        }
    }
}

/// Puts one row of each tenant into each tenant table, as superuser and past foreign keys. A CHECK
/// that the made-up row breaks is taken off this copy of the database: it is no row security.
pub(crate) async fn fill(admin: &mut PgConnection, tables: &[Table], tenants: &[Tenant]) {
    run(admin, "set session_replication_role = replica").await;
    for table in tables.iter().filter(|table| table.has_tenant()) {
        for tenant in tenants {
            let statement = insert(table, *tenant, None);
            while let Err(fault) = try_run(admin, &statement).await {
                let broken = fault.as_database_error();
                let check = broken.filter(|fault| fault.is_check_violation());
                let Some(name) = check.and_then(|fault| fault.constraint()) else {
                    panic!("teach rows.rs what {} needs: {fault}", table.name);
                };
                let drop = format!("alter table {} drop constraint {name}", table.name);
                run(admin, &drop).await;
            }
        }
    }
    run(admin, "set session_replication_role = origin").await;
}

pub(crate) async fn run(connection: &mut PgConnection, statement: &str) {
    try_run(connection, statement).await.unwrap();
}

async fn try_run(connection: &mut PgConnection, statement: &str) -> sqlx::Result<()> {
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement)
        .execute(connection)
        .await
        .map(|_| ())
}

/// A literal that the column takes.
fn value(table: &Table, column: &Column, tenant: Tenant) -> String {
    let kind = column.kind.as_str();
    match kind {
        "uuid" if column.name == "creator_id" => format!("'{}'", tenant.creator),
        "uuid" => format!("'{}'", tenant.id),
        "text" => format!("'{}'", allowed_text(column)),
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => {
            number(column).to_owned()
        }
        "boolean" => "true".to_owned(),
        "bytea" => "decode(repeat('ab', 32), 'hex')".to_owned(),
        "timestamp with time zone" => "now() + interval '1 hour'".to_owned(),
        "date" => "current_date".to_owned(),
        "interval" => "interval '1 hour'".to_owned(),
        "inet" => "'192.0.2.7'".to_owned(),
        "jsonb" if column.checks.contains("'array'") => "'[]'".to_owned(),
        "jsonb" => "'{}'".to_owned(),
        list if list.ends_with("[]") => "'{}'".to_owned(),
        other => panic!(
            "teach rows.rs a value of type {other}: {}.{}",
            table.name, column.name
        ),
    }
}

/// The first word of a list of allowed ones, or any word.
fn allowed_text(column: &Column) -> String {
    let name = &column.name;
    for start in [format!("{name} = ANY (ARRAY['"), format!("{name} = '")] {
        let rest = column.checks.split_once(&start).map(|(_, rest)| rest);
        if let Some((word, _)) = rest.and_then(|rest| rest.split_once('\'')) {
            return word.to_owned();
        }
    }
    "words".to_owned()
}

/// A small number; a status of HTTP where the check asks for one.
fn number(column: &Column) -> &'static str {
    if column.checks.contains(">= 200") {
        "200"
    } else {
        "1"
    }
}
