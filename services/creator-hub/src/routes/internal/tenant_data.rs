//! What auth calls to export or erase a tenant's data.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use shared_models::RowCounts;
use shared_web::tenant_data::NdjsonWriter;
use shared_web::{ServiceCall, called_by};
use tracing::Instrument as _;

use crate::app::privacy;
use crate::error::Error;
use crate::state::AppState;

/// Streams the export (NDJSON).
pub(crate) async fn export(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Response {
    let (mut writer, response) = NdjsonWriter::answer();
    let work = async move {
        let written = privacy::export(&app, call.tenant, &mut writer).await;
        writer.end(written).await;
    };
    tokio::spawn(work.in_current_span());
    response
}

/// Erases everything and returns the counts.
pub(crate) async fn erase(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Json<RowCounts>, Error> {
    privacy::erase(&app, call.tenant).await.map(Json)
}
