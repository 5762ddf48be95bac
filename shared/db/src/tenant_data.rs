//! Everything that one service keeps of a tenant, table by table, whatever tables there are.

use shared_config::Service;
use shared_models::RowCounts;
use sqlx::{AssertSqlSafe, Row as _};

use crate::TenantTx;

/// Most rows of one batch.
pub const MAX_ROWS: usize = 200;
/// Rows of the first batch of a table: what rows weigh is not known yet.
const FIRST_ROWS: usize = 16;
/// A batch ends with the row that reaches so many bytes.
pub const BATCH_BYTES: usize = 256 * 1024;

/// A table of tenants, and the columns of it that a copy has.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name with its schema.
    pub name: String,
    columns: String,
    /// The columns of its primary key, in order, and their types.
    key: Vec<(String, String)>,
}

/// Why rows cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A row is longer than the caller can take; it has not left the database.
    #[error("a row has {bytes} bytes")]
    RowTooLong {
        /// The length of its JSON text.
        bytes: usize,
    },
}

/// The tables of a schema that the caller may read. Hashes, tokens and sealed secrets are no
/// part of a copy: they are not about anybody, and they would open doors. Nor are word indexes,
/// which repeat the text beside them.
pub async fn tables(tx: &mut TenantTx, schema: &str) -> sqlx::Result<Vec<Table>> {
    let rows = sqlx::query(
        "select c.oid::regclass::text, string_agg(quote_ident(a.attname), ', ' order by a.attnum),
           (select array_agg(quote_ident(k.attname) order by i.place)
            from pg_index p, unnest(p.indkey::smallint[]) with ordinality i (attnum, place)
            join pg_attribute k on k.attnum = i.attnum
            where p.indrelid = c.oid and p.indisprimary and k.attrelid = c.oid),
           (select array_agg(format_type(k.atttypid, null) order by i.place)
            from pg_index p, unnest(p.indkey::smallint[]) with ordinality i (attnum, place)
            join pg_attribute k on k.attnum = i.attnum
            where p.indrelid = c.oid and p.indisprimary and k.attrelid = c.oid)
         from pg_class c
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relnamespace = to_regnamespace($1) and c.relkind in ('r', 'p')
           and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant')
           and has_column_privilege(c.oid, a.attnum, 'select')
           and a.atttypid <> 'tsvector'::regtype
           and a.attname !~ '(password|token|secret|sealed|key_hash|code_hash)'
           and col_description(c.oid, a.attnum) is distinct from 'sealed'
         group by c.oid order by 1",
    )
    .bind(schema)
    .fetch_all(tx.conn())
    .await?;
    let table = |row: &sqlx::postgres::PgRow| {
        let (names, types): (Vec<String>, Vec<String>) = (row.try_get(2)?, row.try_get(3)?);
        Ok(Table {
            name: row.try_get(0)?,
            columns: row.try_get(1)?,
            key: names.into_iter().zip(types).collect(),
        })
    };
    rows.iter().map(table).collect()
}

/// The rows of a table in the order of its key, batch by batch. Each batch may be read in a
/// transaction of its own: the next one begins behind the last key of the one before.
#[derive(Debug)]
pub struct Rows<'a> {
    table: &'a Table,
    max_row_bytes: usize,
    limit: usize,
    after: Option<Vec<String>>,
}

impl<'a> Rows<'a> {
    /// The rows of a table that [`tables`] named, none longer than that as JSON text.
    pub const fn of(table: &'a Table, max_row_bytes: usize) -> Self {
        Self {
            table,
            max_row_bytes,
            limit: FIRST_ROWS,
            after: None,
        }
    }

    /// The next rows as JSON texts of one line each; none at the end. A batch has at most
    /// [`MAX_ROWS`] rows, and [`BATCH_BYTES`] and one row more.
    pub async fn next(&mut self, tx: &mut TenantTx) -> Result<Vec<String>, ReadError> {
        let sql = self.batch_sql();
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let mut query = sqlx::query(AssertSqlSafe(sql))
            // Another text for each table: not worth a place among the prepared statements.
            .persistent(false)
            .bind(number(self.limit))
            .bind(number(BATCH_BYTES))
            .bind(number(self.max_row_bytes));
        for value in self.after.iter().flatten() {
            query = query.bind(value);
        }
        let rows = query.fetch_all(tx.conn()).await?;
        let mut batch = Vec::with_capacity(rows.len());
        for row in &rows {
            let bytes: i32 = row.try_get(1)?;
            let bytes = usize::try_from(bytes).unwrap_or_default();
            let line: Option<String> = row.try_get(0)?;
            batch.push(line.ok_or(ReadError::RowTooLong { bytes })?);
        }
        if let Some(last) = rows.last() {
            self.after = Some(last.try_get(2)?);
        }
        // The server makes the text of each row up to the limit, also of those that it then cuts
        // off: few where rows are long, many where they are short.
        self.limit = (2 * rows.len()).clamp(2, MAX_ROWS);
        Ok(batch)
    }

    /// Names are quoted by the server and come from its catalogue; values are bound.
    fn batch_sql(&self) -> String {
        let Table { name, columns, key } = self.table;
        let names: Vec<&str> = key.iter().map(|(name, _)| name.as_str()).collect();
        let key_columns = names.join(", ");
        let key_texts = names.join("::text, ");
        let after = if self.after.is_some() {
            // The first three parameters are others.
            let value =
                |(at, (_, of)): (usize, &(String, String))| format!("${}::text::{of}", at + 4);
            let values: Vec<String> = key.iter().enumerate().map(value).collect();
            format!("where ({key_columns}) > ({})", values.join(", "))
        } else {
            String::new()
        };
        format!(
            "select case when bytes <= $3 then line end, bytes, key
             from (
               select line, octet_length(line) as bytes, key, place,
                 sum(octet_length(line)) over (order by place) - octet_length(line) as before
               from (
                 select (select to_jsonb(r)::text from (select {columns}) r) as line,
                   array[{key_texts}::text] as key,
                   row_number() over (order by {key_columns}) as place
                 from {name} {after} order by {key_columns} limit $1
               ) rows
             ) counted
             where before < $2 order by place"
        )
    }
}

/// Erases everything that the database has of the tenant in the area of a service, and says how
/// many rows of each table went. Erasing it twice is no error.
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
