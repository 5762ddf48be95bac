//! Everything that this service keeps of a tenant: copied and erased, for auth alone.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use shared_config::Service;
use shared_db::tenant_data;
use shared_models::Tally;
use shared_web::tenant_data::{Lines, copy_rows, only_auth};
use shared_web::{ApiError, Creator};
use tracing::Instrument as _;

use crate::error::Error;
use crate::state::AppState;

/// Copies it, line by line. Vectors are left out: the passages say the same.
pub(super) async fn copy(State(app): State<AppState>, creator: Creator) -> Result<Response, Error> {
    only_auth(&creator)?;
    let (mut lines, response) = Lines::answer();
    let work = async move {
        let schema = Service::AiEngine.database_schema();
        let copied = copy_rows(&app.db, creator.id, schema, &mut lines).await;
        lines.end(copied).await;
    };
    tokio::spawn(work.in_current_span());
    Ok(response)
}

/// Erases it: rows first, since a passage without its row is never shown, then vectors and keys.
pub(super) async fn erase(
    State(app): State<AppState>,
    creator: Creator,
) -> Result<Json<Tally>, Error> {
    only_auth(&creator)?;
    let mut tx = app.db.tenant(creator.id).await?;
    let mut tally = tenant_data::erase(&mut tx, Service::AiEngine).await?;
    tx.commit().await?;
    tally.count(
        "chroma.vectors",
        app.vectors.forget_tenant(creator.id).await?,
    );
    let keys = app.cache.forget_tenant(creator.id).await;
    let keys = keys.map_err(|cause| ApiError::unavailable("redis", cause))?;
    tally.count("redis.keys", keys);
    Ok(Json(tally))
}
