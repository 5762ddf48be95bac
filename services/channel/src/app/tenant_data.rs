//! Export and erasure of a tenant's data.

use shared_cache::Key;
use shared_config::Service;
use shared_db::tenant_data;
use shared_models::{CreatorId, RowCounts};
use shared_web::tenant_data::{NdjsonWriter, export_rows};

use crate::error::Error;
use crate::state::AppState;
use crate::store::channels;

/// Writes all rows of the tenant, one per line.
pub(crate) async fn export(app: &AppState, tenant: CreatorId, mut lines: NdjsonWriter) {
    let schema = Service::Channel.database_schema();
    let copied = export_rows(&app.db, tenant, schema, &mut lines).await;
    lines.end(copied).await;
}

/// Erases the tenant's rows and Redis keys. Keys that are named after a channel go first, while
/// the rows still list the channels.
pub(crate) async fn erase(app: &AppState, tenant: CreatorId) -> Result<RowCounts, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    let channels = channels::ids(&mut tx).await?;
    for channel in &channels {
        let forgotten = app.cache.forget(&Key::widget(*channel)).await;
        forgotten.map_err(Error::Cache)?;
    }
    let counts = tenant_data::erase(&mut tx, Service::Channel).await?;
    tx.commit().await?;
    // A page that was admitted in between has made a copy again.
    for channel in channels {
        app.widgets.invalidate(Key::widget(channel)).await;
    }
    Ok(counts)
}
