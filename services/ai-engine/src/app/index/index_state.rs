//! How far the embedding of an account's knowledge is.

use shared_models::CreatorId;

use crate::domain::index::model_change::{self, EmbeddedCounts};
use crate::error::Error;
use crate::state::AppState;
use crate::store::{document_vectors, vector_models};

/// The state of an account's index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexState {
    /// The model whose vectors are searched.
    pub(crate) model: String,
    /// The model that the account changes to.
    pub(crate) next: Option<String>,
    /// What the model that comes next has embedded, or else the one that is searched.
    pub(crate) counts: EmbeddedCounts,
}

/// Reads it.
pub(crate) async fn read(app: &AppState, tenant: CreatorId) -> Result<IndexState, Error> {
    let present = &app.embedder.model().recorded_name;
    let mut tx = app.db.tenant_read(tenant).await?;
    let account = vector_models::read(&mut tx).await?;
    let counts = document_vectors::counts(&mut tx, present).await?;
    drop(tx);
    let searched = model_change::searched(account.as_ref(), present);
    Ok(IndexState {
        model: searched.model.to_owned(),
        next: searched.is_changing.then(|| present.clone()),
        counts,
    })
}
