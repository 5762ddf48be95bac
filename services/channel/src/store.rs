//! Rows and statements: one table or one named query per file.

pub(crate) mod answer_leases;
pub(crate) mod channels;
pub(crate) mod contacts;
pub(crate) mod conversations;
pub(crate) mod messages;
pub(crate) mod summaries;
pub(crate) mod tenants;

use std::error::Error;
use std::str::FromStr;

use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// Parses a text column into an enum.
fn parse_column<T>(row: &PgRow, column: &str) -> sqlx::Result<T>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    let name: &str = row.try_get(column)?;
    name.parse().map_err(|source| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(source),
    })
}
