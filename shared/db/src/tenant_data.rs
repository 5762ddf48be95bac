//! All rows of a tenant in one service's schema, for export and erasure; found in the catalogue.

use shared_config::Service;
use shared_models::RowCounts;
use sqlx::{AssertSqlSafe, Row as _};

use crate::TenantTx;

/// Rows per round trip.
const PAGE: usize = 200;

/// A tenant table, and its exported columns.
#[derive(Debug, Clone)]
pub struct Table {
    /// Schema-qualified name.
    pub name: String,
    columns: String,
}

/// The tenant tables of a schema that the caller may read. Hashes, tokens and encrypted secrets
/// are not exported: they are not personal data and could grant access. Full-text columns are
/// not exported either, since they repeat the text beside them.
pub async fn tables(tx: &mut TenantTx, schema: &str) -> sqlx::Result<Vec<Table>> {
    let rows = sqlx::query(
        "select c.oid::regclass::text, string_agg(quote_ident(a.attname), ', ' order by a.attnum)
         from pg_class c
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relnamespace = to_regnamespace($1) and c.relkind in ('r', 'p')
           and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant')
           and has_column_privilege(c.oid, a.attnum, 'select')
           and a.atttypid <> 'tsvector'::regtype
           and a.attname !~ '(password|token|secret|sealed|key_hash|code_hash)'
         group by c.oid order by 1",
    )
    .bind(schema)
    .fetch_all(tx.conn())
    .await?;
    let table = |row: &sqlx::postgres::PgRow| {
        Ok(Table {
            name: row.try_get(0)?,
            columns: row.try_get(1)?,
        })
    };
    rows.iter().map(table).collect()
}

/// The rows of a table, page by page. One table at a time within a transaction.
#[derive(Debug)]
pub struct Rows {
    done: bool,
}

impl Rows {
    /// Opens a cursor on a table returned by [`tables`].
    pub async fn begin(tx: &mut TenantTx, table: &Table) -> sqlx::Result<Self> {
        // Both come from the server's catalogue, quoted.
        let (name, columns) = (&table.name, &table.columns);
        let sql = format!(
            "declare tenant_rows no scroll cursor for
             select row_to_json(t)::jsonb from (select {columns} from {name}) t"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(tx.conn()).await?;
        Ok(Self { done: false })
    }

    /// The next rows; none at the end.
    pub async fn next(&mut self, tx: &mut TenantTx) -> sqlx::Result<Vec<serde_json::Value>> {
        if self.done {
            return Ok(Vec::new());
        }
        let rows = sqlx::query("fetch 200 from tenant_rows")
            // The same statement reads a different table each time.
            .persistent(false)
            .fetch_all(tx.conn())
            .await?;
        if rows.len() < PAGE {
            self.done = true;
            sqlx::raw_sql("close tenant_rows")
                .execute(tx.conn())
                .await?;
        }
        rows.iter().map(|row| row.try_get(0)).collect()
    }
}

/// Erases all rows of the tenant in a service's schema and returns the number per table.
/// Idempotent.
pub async fn erase(tx: &mut TenantTx, area: Service) -> sqlx::Result<RowCounts> {
    let sql = format!(
        "select kind, erased from {}.erase_tenant()",
        area.database_schema()
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(tx.conn()).await?;
    let mut tally = RowCounts::default();
    for row in rows {
        let erased: i64 = row.try_get(1)?;
        tally.count(row.try_get(0)?, u64::try_from(erased).unwrap_or_default());
    }
    Ok(tally)
}
