//! Everything that this service keeps of a tenant: copied and erased, for auth alone.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use shared_config::Service;
use shared_db::tenant_data;
use shared_models::{CreatorId, Tally};
use shared_web::tenant_data::{CopyError, Lines, copy_rows, only_auth};
use shared_web::{ApiError, Creator};
use tracing::Instrument as _;

use crate::error::Error;
use crate::state::AppState;
use crate::store::documents::contents;

/// Copies it, line by line.
pub(crate) async fn copy(State(app): State<AppState>, creator: Creator) -> Result<Response, Error> {
    only_auth(&creator)?;
    let (mut lines, response) = Lines::answer();
    let work = async move {
        let copied = write(&app, creator.id, &mut lines).await;
        lines.end(copied).await;
    };
    tokio::spawn(work.in_current_span());
    Ok(response)
}

async fn write(app: &AppState, creator: CreatorId, lines: &mut Lines) -> Result<(), CopyError> {
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
    creator: Creator,
) -> Result<Json<Tally>, Error> {
    only_auth(&creator)?;
    let mut tx = app.db.tenant(creator.id).await?;
    let mut tally = tenant_data::erase(&mut tx, Service::CreatorHub).await?;
    tx.commit().await?;
    tally.count("hub.files", app.files.erase(creator.id).await?);
    let keys = app.cache.forget_tenant(creator.id).await;
    let keys = keys.map_err(|cause| ApiError::unavailable("redis", cause))?;
    tally.count("redis.keys", keys);
    Ok(Json(tally))
}
