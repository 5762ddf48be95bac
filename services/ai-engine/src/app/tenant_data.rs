//! Exports and erases everything that this service stores about a tenant.

use shared_config::Service;
use shared_db::tenant_data;
use shared_models::{CreatorId, RowCounts};
use shared_web::tenant_data::{NdjsonWriter, export_rows};

use crate::error::Error;
use crate::state::AppState;

/// Writes all rows. Vectors are left out, since they are derived from the passages.
pub(crate) async fn export(app: AppState, tenant: CreatorId, mut writer: NdjsonWriter) {
    let schema = Service::AiEngine.database_schema();
    let copied = export_rows(&app.db, tenant, schema, &mut writer).await;
    writer.end(copied).await;
}

/// Erases rows, then vectors and cache entries. The rows go first: search ignores vectors without
/// a row.
pub(crate) async fn erase(app: &AppState, tenant: CreatorId) -> Result<RowCounts, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    let mut counts = tenant_data::erase(&mut tx, Service::AiEngine).await?;
    tx.commit().await?;
    let vectors = app.vectors.delete_tenant(tenant).await?;
    counts.count("chroma.vectors", vectors);
    Ok(counts)
}
