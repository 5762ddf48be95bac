//! The internal routes by which auth copies and erases what a service keeps of a tenant.

mod reader;
mod writer;

use std::error::Error;
use std::io;

use shared_db::Db;
use shared_db::tenant_data::{ReadError, Rows, tables};
use shared_models::tenant_data::MAX_LINE_BYTES;
use shared_models::{CreatorId, ExportFailure, ExportFailureCode};

pub use reader::{ExportedLine, LineError, LineReader};
pub use writer::{NdjsonWriter, QUEUE_BYTES};

/// Below a service's prefix; the gateway does not route it.
pub const ROUTE: &str = "/internal/v1/tenant-data";

/// Why an export is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Files failed.
    #[error(transparent)]
    Files(#[from] io::Error),
    /// Nobody reads any more.
    #[error("the reader has gone")]
    NoReader,
    /// The reader takes too little for too long.
    #[error("the reader is too slow")]
    SlowReader,
    /// The copy as a whole took too long, or another one took its place.
    #[error("the copy was stopped: {0}")]
    Stopped(&'static str),
    /// A row that does not fit into a line.
    #[error("a row of {kind} needs {bytes} bytes, a line has at most {MAX_LINE_BYTES}")]
    LineTooLong {
        /// The kind of the line.
        kind: String,
        /// The length that it would have.
        bytes: usize,
    },
    /// Another service could not give its part, and said why.
    #[error("another service failed: {}", .0.reason)]
    Reported(ExportFailure),
    /// Another service did not give its part.
    #[error("another service failed: {0}")]
    Source(Box<dyn Error + Send + Sync>),
}

impl ExportError {
    /// What the reader is told. Causes are for the log: they may name hosts and paths.
    fn failure(&self) -> ExportFailure {
        match self {
            Self::Reported(failure) => failure.clone(),
            Self::LineTooLong { .. } => ExportFailure {
                code: ExportFailureCode::LineTooLong,
                reason: self.to_string(),
            },
            _ => ExportFailure {
                code: ExportFailureCode::Interrupted,
                reason: "the copy was interrupted; fetch it again".to_owned(),
            },
        }
    }
}

/// Writes every row that the database has of a tenant in a service's schema.
///
/// Rows are read in batches that are bounded in bytes, each in a transaction of its own: however
/// slow the reader is, it holds neither a connection nor more than one batch in memory.
pub async fn export_rows(
    db: &Db,
    creator: CreatorId,
    schema: &str,
    lines: &mut NdjsonWriter,
) -> Result<(), ExportError> {
    let mut tx = db.tenant_read(creator).await?;
    let tables = tables(&mut tx, schema).await?;
    drop(tx);
    for table in &tables {
        let mut rows = Rows::of(table, MAX_LINE_BYTES);
        loop {
            let mut tx = db.tenant_read(creator).await?;
            let batch = rows.next(&mut tx).await;
            drop(tx);
            let batch = batch.map_err(|error| match error {
                ReadError::Database(cause) => ExportError::Database(cause),
                ReadError::RowTooLong { bytes } => ExportError::LineTooLong {
                    kind: table.name.clone(),
                    bytes,
                },
            })?;
            if batch.is_empty() {
                break;
            }
            for row in batch {
                lines.write_json(&table.name, &row).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
