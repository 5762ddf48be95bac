//! Export and erasure of a tenant's data, called by auth.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use shared_models::RowCounts;
use shared_web::tenant_data::NdjsonWriter;
use shared_web::{ServiceCall, called_by};
use tracing::Instrument as _;

use crate::app::tenant_data;
use crate::error::Error;
use crate::state::AppState;

/// Streams all rows of the tenant.
pub(in crate::routes) async fn export(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Response, Error> {
    let (writer, response) = NdjsonWriter::answer();
    let export = tenant_data::export(app, call.tenant, writer);
    tokio::spawn(export.in_current_span());
    Ok(response)
}

/// Erases the tenant's data and returns how much was erased.
pub(in crate::routes) async fn erase(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Json<RowCounts>, Error> {
    Ok(Json(tenant_data::erase(&app, call.tenant).await?))
}
