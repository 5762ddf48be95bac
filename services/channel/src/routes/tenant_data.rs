//! Everything that this service keeps of a tenant: copied and erased, for auth alone.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use shared_cache::Key;
use shared_config::Service;
use shared_db::tenant_data;
use shared_models::RowCounts;
use shared_web::tenant_data::{NdjsonWriter, copy_rows};
use shared_web::{ServiceCall, called_by};
use tracing::Instrument as _;

use crate::error::Error;
use crate::state::AppState;
use crate::store::channels;

/// Copies it, line by line.
pub(super) async fn copy(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Response, Error> {
    let (mut lines, response) = NdjsonWriter::answer();
    let work = async move {
        let schema = Service::Channel.database_schema();
        let copied = copy_rows(&app.db, call.tenant, schema, &mut lines).await;
        lines.end(copied).await;
    };
    tokio::spawn(work.in_current_span());
    Ok(response)
}

/// Erases it. What Redis keeps by a channel's id goes before the rows that name the channels.
pub(super) async fn erase(
    State(app): State<AppState>,
    call: ServiceCall<called_by::Auth>,
) -> Result<Json<RowCounts>, Error> {
    let mut tx = app.db.tenant(call.tenant).await?;
    for channel in channels::ids(&mut tx).await? {
        let forgotten = app.cache.forget(&Key::widget(channel)).await;
        forgotten.map_err(Error::Cache)?;
    }
    let mut tally = tenant_data::erase(&mut tx, Service::Channel).await?;
    tx.commit().await?;
    let keys = app.cache.forget_tenant(call.tenant).await;
    tally.count("redis.keys", keys.map_err(Error::Cache)?);
    Ok(Json(tally))
}
