//! Tells ai-engine who may see documents. Jobs that are committed with the change apply it in any
//! case; a request after the commit applies it before the caller gets its response.

use std::time::Duration;

use shared_ai_client::{DOCUMENTS_PER_JOB, SET_DOCUMENT_ACCESS, SetDocumentAccess};
use shared_db::TenantTx;
use shared_jobs::NewJob;
use shared_models::{CreatorId, DocumentId, JobId};
use tokio::time::timeout;

use crate::error::Error;
use crate::state::AppState;
use crate::store::document_access;

/// Longest wait for ai-engine; after that the jobs alone apply the change.
const APPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// Changes that ai-engine is to apply after the commit.
#[must_use]
pub(super) struct ChangedAccess(Vec<SetDocumentAccess>);

/// Records that the access to documents has changed, in the transaction of the change.
pub(super) async fn changed(
    app: &AppState,
    tx: &mut TenantTx,
    documents: &[DocumentId],
) -> Result<ChangedAccess, Error> {
    let mut changes = Vec::new();
    for batch in documents.chunks(DOCUMENTS_PER_JOB) {
        let documents = document_access::raise(tx, batch).await?;
        if documents.is_empty() {
            continue;
        }
        let change = SetDocumentAccess { documents };
        // A subject of its own: the newest job of a document is the one that processes it.
        let job = NewJob::new(SET_DOCUMENT_ACCESS, JobId::new().as_uuid());
        let job = job.payload(&change);
        let job = job.map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        app.indexing.enqueue(tx, job).await?;
        changes.push(change);
    }
    Ok(ChangedAccess(changes))
}

impl ChangedAccess {
    /// Has ai-engine apply the changes now, if it answers soon.
    pub(super) async fn apply(self, app: &AppState, tenant: CreatorId) {
        let applied = timeout(APPLY_TIMEOUT, async {
            for change in &self.0 {
                app.ai.set_document_access(tenant, change).await?;
            }
            Ok::<_, shared_ai_client::AiError>(())
        });
        match applied.await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => {
                tracing::info!(%cause, "visibility not sent to ai-engine; the job will send it");
            }
            Err(_) => tracing::info!("ai-engine is slow; the job will send it the visibility"),
        }
    }
}
