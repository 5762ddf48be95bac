//! Export and erasure of a tenant's data, for auth.

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

/// Streams all rows of the tenant, one per line.
pub(crate) async fn export(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Response, Error> {
    let (lines, response) = NdjsonWriter::answer();
    let export = async move { tenant_data::export(&app, call.tenant, lines).await };
    tokio::spawn(export.in_current_span());
    Ok(response)
}

/// Erases everything that this service stores of the tenant.
pub(crate) async fn erase(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Json<RowCounts>, Error> {
    Ok(Json(tenant_data::erase(&app, call.tenant).await?))
}
