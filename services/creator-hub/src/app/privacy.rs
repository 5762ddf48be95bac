//! Exports and erases everything that this service stores about a tenant.

use std::io;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use shared_blobs::{BlobError, BlobKey, OpenBlob};
use shared_config::Service;
use shared_db::tenant_data;
use shared_models::tenant_data::{FILE, FILE_PIECE_BYTES};
use shared_models::{CreatorId, FilePiece, RowCounts};
use shared_web::tenant_data::{ExportError, NdjsonWriter, export_rows};
use tokio::io::AsyncReadExt as _;

use crate::error::Error;
use crate::state::AppState;
use crate::store::document_versions::{DocumentFile, all_files};

/// Files that are listed per query.
const FILES_PER_QUERY: i64 = 200;

/// Writes all rows, then all uploaded files in pieces, also those that were replaced. Extracted
/// texts are left out: they are derived from the files.
pub(crate) async fn export(
    app: &AppState,
    creator: CreatorId,
    lines: &mut NdjsonWriter,
) -> Result<(), ExportError> {
    let schema = Service::CreatorHub.database_schema();
    export_rows(&app.db, creator, schema, lines).await?;
    let mut after = None;
    loop {
        let mut tx = app.db.tenant_read(creator).await?;
        let files = all_files(&mut tx, after, FILES_PER_QUERY).await?;
        drop(tx);
        let Some(last) = files.last() else {
            return Ok(());
        };
        after = Some((last.document, last.number));
        for file in &files {
            let key = BlobKey::upload(creator, file.content_hash);
            match app.files.open(key, 0).await {
                Ok(stored) => copy_file(file, stored, lines).await?,
                // The document was deleted meanwhile.
                Err(BlobError::NotFound) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }
}

/// Writes a file piece by piece, never with more than one piece in memory.
async fn copy_file(
    file: &DocumentFile,
    stored: OpenBlob,
    lines: &mut NdjsonWriter,
) -> Result<(), ExportError> {
    let OpenBlob { size, mut content } = stored;
    let mut buffer = vec![0; FILE_PIECE_BYTES];
    let mut offset = 0;
    while offset < size {
        let rest = usize::try_from(size - offset).unwrap_or(usize::MAX);
        let piece = &mut buffer[..rest.min(FILE_PIECE_BYTES)];
        content.read_exact(piece).await?;
        let line = FilePiece {
            document_id: file.document,
            version: file.number,
            filename: file.filename.clone(),
            size,
            offset,
            content_base64: BASE64_STANDARD.encode(&*piece),
        };
        lines.write(FILE, &line).await?;
        offset += u64::try_from(piece.len()).unwrap_or_default();
    }
    Ok(())
}

/// Erases everything: jobs and rows first, so that no worker recreates anything, then files and
/// keys. Returns the counts; idempotent.
pub(crate) async fn erase(app: &AppState, tenant: CreatorId) -> Result<RowCounts, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    let mut erased = tenant_data::erase(&mut tx, Service::CreatorHub).await?;
    tx.commit().await?;
    erased.count(FILE, app.files.erase(tenant).await?);
    Ok(erased)
}
