//! The internal routes by which auth copies and erases what a service keeps of a tenant.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::{Value, json};
use shared_db::tenant_data::{Rows, tables};
use shared_db::{Db, TenantTx};
use shared_models::tenant_data::END;
use shared_models::{CreatorId, ExportRecord, RowCounts};
use tokio::sync::mpsc;

/// Below a service's prefix; the gateway does not route it.
pub const ROUTE: &str = "/internal/v1/tenant-data";
/// Lines queued for a slow reader.
const BUFFER: usize = 64;

/// Why a copy breaks off.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Files failed.
    #[error(transparent)]
    Files(#[from] io::Error),
    /// Nobody reads any more.
    #[error("the reader has gone")]
    NoReader,
}

/// Where the lines of a copy go.
#[derive(Debug)]
pub struct NdjsonWriter {
    to: mpsc::Sender<io::Result<Bytes>>,
    written: RowCounts,
}

impl NdjsonWriter {
    /// The lines, and the answer that carries them (NDJSON).
    pub fn answer() -> (Self, Response) {
        let (to, lines) = mpsc::channel(BUFFER);
        let lines = stream::unfold(lines, |mut lines| async move {
            lines.recv().await.map(|line| (line, lines))
        });
        let kind = HeaderValue::from_static("application/x-ndjson");
        let body = Body::from_stream(lines);
        let written = RowCounts::default();
        let response = ([(header::CONTENT_TYPE, kind)], body).into_response();
        (Self { to, written }, response)
    }

    /// Writes one.
    pub async fn write(&mut self, kind: &str, data: Value) -> Result<(), CopyError> {
        self.send(&ExportRecord {
            kind: kind.to_owned(),
            data,
        })
        .await?;
        self.written.count(kind, 1);
        Ok(())
    }

    /// Passes on what another service wrote.
    pub async fn pass(&mut self, line: &ExportRecord) -> Result<(), CopyError> {
        self.send(line).await?;
        self.written.count(&line.kind, 1);
        Ok(())
    }

    /// Ends the copy: with a last line where it is whole, and by breaking off where it is not.
    pub async fn end(self, copied: Result<(), CopyError>) {
        let last = ExportRecord {
            kind: END.to_owned(),
            data: json!(self.written),
        };
        let result = match copied {
            Ok(()) => self.send(&last).await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            tracing::warn!(%error, "the copy of a tenant's data broke off");
            let _ = self.to.send(Err(io::Error::other("broke off"))).await;
        }
    }

    async fn send(&self, line: &ExportRecord) -> Result<(), CopyError> {
        let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
        text.push(b'\n');
        let sent = self.to.send(Ok(text.into())).await;
        sent.map_err(|_| CopyError::NoReader)
    }
}

/// Writes every row that the database has of a tenant in a service's schema.
pub async fn copy_rows(
    db: &Db,
    creator: CreatorId,
    schema: &str,
    lines: &mut NdjsonWriter,
) -> Result<(), CopyError> {
    let mut tx = db.tenant_read(creator).await?;
    copy_within(&mut tx, schema, lines).await
}

/// The rows come from one transaction, which a slow reader holds open: hence the time limit of
/// whoever reads.
async fn copy_within(
    tx: &mut TenantTx,
    schema: &str,
    lines: &mut NdjsonWriter,
) -> Result<(), CopyError> {
    for table in tables(tx, schema).await? {
        let mut rows = Rows::begin(tx, &table).await?;
        loop {
            let page = rows.next(tx).await?;
            if page.is_empty() {
                break;
            }
            for row in page {
                lines.write(&table.name, row).await?;
            }
        }
    }
    Ok(())
}
