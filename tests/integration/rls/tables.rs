//! What the catalogue says of tables, columns, and what each role was granted on them.

use std::collections::BTreeMap;

use shared_config::Service;
use sqlx::{PgPool, Row as _};

/// A table as the catalogue describes it.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
}

/// A column as the catalogue describes it.
#[expect(clippy::struct_excessive_bools, reason = "what the catalogue says")]
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) required: bool,
    pub(crate) has_default: bool,
    pub(crate) is_generated: bool,
    pub(crate) in_key: bool,
    /// Its CHECK constraints, as PostgreSQL prints them.
    pub(crate) checks: String,
}

impl Table {
    /// Whether a tenant owns its rows.
    pub(crate) fn has_tenant(&self) -> bool {
        self.columns
            .iter()
            .any(|column| column.name == "creator_id")
    }

    /// The columns of its primary key, comma-separated.
    pub(crate) fn key(&self) -> String {
        let key = self.columns.iter().filter(|column| column.in_key);
        let names: Vec<&str> = key.map(|column| column.name.as_str()).collect();
        names.join(", ")
    }

    /// Columns that an insert must name.
    pub(crate) fn needed(&self) -> impl Iterator<Item = &Column> {
        let needed = |column: &&Column| column.required && !column.has_default;
        self.columns
            .iter()
            .filter(|column| !column.is_generated)
            .filter(needed)
    }
}

/// All tables.
pub(crate) async fn tables(admin: &PgPool) -> Vec<Table> {
    let rows = sqlx::query(include_str!("tables.sql"))
        .fetch_all(admin)
        .await
        .unwrap();
    let mut tables: Vec<Table> = Vec::new();
    for row in rows {
        let name: String = row.get("table_name");
        if tables.last().is_none_or(|table| table.name != name) {
            let columns = Vec::new();
            tables.push(Table { name, columns });
        }
        tables.last_mut().unwrap().columns.push(Column {
            name: row.get("name"),
            kind: row.get("kind"),
            required: row.get("required"),
            has_default: row.get("has_default"),
            is_generated: row.get("is_generated"),
            in_key: row.get("in_key"),
            checks: row.get("checks"),
        });
    }
    tables
}

/// What one role may do with one column.
#[expect(clippy::struct_excessive_bools, reason = "five privileges")]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Right {
    pub(crate) select: bool,
    pub(crate) insert: bool,
    pub(crate) update: bool,
    pub(crate) delete: bool,
    /// Of the table: its strongest lock.
    pub(crate) lock: bool,
}

/// What the roles of all services may do, as granted at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Rights(BTreeMap<(Service, String, String), Right>);

impl Rights {
    /// Reads them from the catalogue.
    pub(crate) async fn read(admin: &PgPool) -> Self {
        let mut rights = BTreeMap::new();
        for service in Service::ALL {
            let rows = sqlx::query(
                "select c.oid::regclass::text, a.attname,
                        has_schema_privilege($1, c.relnamespace, 'usage'),
                        has_column_privilege($1, c.oid, a.attnum, 'select'),
                        has_column_privilege($1, c.oid, a.attnum, 'insert'),
                        has_column_privilege($1, c.oid, a.attnum, 'update'),
                        has_table_privilege($1, c.oid, 'delete'),
                        has_table_privilege($1, c.oid, 'update, delete, truncate')
                 from pg_class c
                 join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                 where c.relkind in ('r', 'p')
                   and c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'",
            )
            .bind(service.database_role())
            .fetch_all(admin)
            .await
            .unwrap();
            for row in rows {
                let inside: bool = row.get(2);
                let right = Right {
                    select: inside && row.get(3),
                    insert: inside && row.get(4),
                    update: inside && row.get(5),
                    delete: inside && row.get(6),
                    lock: inside && row.get(7),
                };
                rights.insert((service, row.get(0), row.get(1)), right);
            }
        }
        Self(rights)
    }

    /// What a service may do with a column.
    pub(crate) fn of(&self, service: Service, table: &Table, column: &str) -> Right {
        let key = (service, table.name.clone(), column.to_owned());
        self.0.get(&key).copied().unwrap_or_default()
    }
}
