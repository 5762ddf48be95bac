//! Everything that this service keeps of a tenant: copied and erased, for auth alone.

use std::io;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use shared_config::Service;
use shared_db::tenant_data;
use shared_models::tenant_data::{FILE, FILE_PIECE_BYTES};
use shared_models::{CreatorId, FilePiece, RowCounts};
use shared_web::tenant_data::{CopyError, NdjsonWriter, copy_rows};
use shared_web::{ApiError, ServiceCall, called_by};
use tokio::io::AsyncReadExt as _;
use tracing::Instrument as _;

use crate::error::Error;
use crate::files::StoredFile;
use crate::state::AppState;
use crate::store::documents::{DocumentFile, document_files};

/// Documents whose files are looked up at once.
const FILES_PER_QUERY: i64 = 200;

/// Copies it, line by line.
pub(crate) async fn copy(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Response, Error> {
    let (mut lines, response) = NdjsonWriter::answer();
    let work = async move {
        let copied = write(&app, call.tenant, &mut lines).await;
        lines.end(copied).await;
    };
    tokio::spawn(work.in_current_span());
    Ok(response)
}

async fn write(
    app: &AppState,
    creator: CreatorId,
    lines: &mut NdjsonWriter,
) -> Result<(), CopyError> {
    let schema = Service::CreatorHub.database_schema();
    copy_rows(&app.db, creator, schema, lines).await?;
    let mut after = None;
    loop {
        let mut tx = app.db.tenant_read(creator).await?;
        let files = document_files(&mut tx, after, FILES_PER_QUERY).await?;
        drop(tx);
        let Some(last) = files.last() else {
            return Ok(());
        };
        after = Some(last.document);
        for file in &files {
            match app.files.open(creator, file.content_hash).await {
                Ok(stored) => copy_file(file, stored, lines).await?,
                // The document was deleted since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Writes a file piece by piece, never with more than one piece in memory.
async fn copy_file(
    file: &DocumentFile,
    stored: StoredFile,
    lines: &mut NdjsonWriter,
) -> Result<(), CopyError> {
    let StoredFile { size, mut content } = stored;
    let mut buffer = vec![0; FILE_PIECE_BYTES];
    let mut offset = 0;
    while offset < size {
        let rest = usize::try_from(size - offset).unwrap_or(usize::MAX);
        let piece = &mut buffer[..rest.min(FILE_PIECE_BYTES)];
        content.read_exact(piece).await?;
        let line = FilePiece {
            document_id: file.document,
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

/// Erases it: jobs and rows first, so that no worker makes anything anew, then files and keys.
pub(crate) async fn erase(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Json<RowCounts>, Error> {
    let mut tx = app.db.tenant(call.tenant).await?;
    let mut tally = tenant_data::erase(&mut tx, Service::CreatorHub).await?;
    tx.commit().await?;
    tally.count(FILE, app.files.erase(call.tenant).await?);
    let keys = app.cache.forget_tenant(call.tenant).await;
    let keys = keys.map_err(|cause| ApiError::unavailable("redis", cause))?;
    tally.count("redis.keys", keys);
    Ok(Json(tally))
}
