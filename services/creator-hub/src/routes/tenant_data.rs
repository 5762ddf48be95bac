//! Everything that this service keeps of a tenant: copied and erased, for auth alone.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use shared_config::Service;
use shared_db::tenant_data;
use shared_models::{CreatorId, RowCounts};
use shared_web::tenant_data::{CopyError, NdjsonWriter, copy_rows};
use shared_web::{ApiError, ServiceCall, called_by};
use tracing::Instrument as _;

use crate::error::Error;
use crate::state::AppState;
use crate::store::documents::contents;

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
    let mut tx = app.db.tenant_read(creator).await?;
    let files = contents(&mut tx).await?;
    drop(tx);
    for (document, filename, hash) in files {
        match app.files.read(creator, hash).await {
            Ok(bytes) => {
                let content = BASE64_STANDARD.encode(bytes);
                let file = json!({
                    "document_id": document, "filename": filename, "content_base64": content,
                });
                lines.write("hub.files", file).await?;
            }
            // It was deleted since.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
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
    tally.count("hub.files", app.files.erase(call.tenant).await?);
    let keys = app.cache.forget_tenant(call.tenant).await;
    let keys = keys.map_err(|cause| ApiError::unavailable("redis", cause))?;
    tally.count("redis.keys", keys);
    Ok(Json(tally))
}
