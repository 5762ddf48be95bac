//! Everything that this service keeps of a tenant: copied and erased, for auth alone.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use shared_config::Service;
use shared_db::tenant_data;
use shared_models::RowCounts;
use shared_web::tenant_data::{NdjsonWriter, copy_rows};
use shared_web::{ApiError, ServiceCall, called_by};
use tracing::Instrument as _;

use crate::error::Error;
use crate::state::AppState;

/// Copies it, line by line. Vectors are left out: the passages say the same.
pub(super) async fn copy(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Response, Error> {
    let (mut lines, response) = NdjsonWriter::answer();
    let work = async move {
        let schema = Service::AiEngine.database_schema();
        let copied = copy_rows(&app.db, call.tenant, schema, &mut lines).await;
        lines.end(copied).await;
    };
    tokio::spawn(work.in_current_span());
    Ok(response)
}

/// Erases it: rows first, since a passage without its row is never shown, then vectors and keys.
pub(super) async fn erase(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Json<RowCounts>, Error> {
    let mut tx = app.db.tenant(call.tenant).await?;
    let mut tally = tenant_data::erase(&mut tx, Service::AiEngine).await?;
    tx.commit().await?;
    tally.count(
        "chroma.vectors",
        app.vectors.forget_tenant(call.tenant).await?,
    );
    let keys = app.cache.forget_tenant(call.tenant).await;
    let keys = keys.map_err(|cause| ApiError::unavailable("redis", cause))?;
    tally.count("redis.keys", keys);
    Ok(Json(tally))
}
