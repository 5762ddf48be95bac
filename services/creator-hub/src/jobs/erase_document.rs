//! Removes a document from everywhere: ai-engine's index, its row, its file.

use std::time::Duration;

use shared_config::Service;
use shared_jobs::{Job, JobContext, JobError, NewJob, Outcome, rows};
use shared_models::DocumentId;
use tokio::time::timeout;

use crate::clients;
use crate::files;
use crate::state::AppState;
use crate::store::documents::{self, processing};

/// How long to wait for a worker that still processes the document; it notices the deletion.
const SIBLING_DELAY: Duration = Duration::from_secs(1);
/// Longest wait for ai-engine.
const INDEX_TIMEOUT: Duration = Duration::from_mins(1);

/// The job: what a creator deleted must be erased.
pub(crate) struct EraseDocument {
    state: AppState,
}

impl EraseDocument {
    pub(crate) const fn new(state: AppState) -> Self {
        Self { state }
    }

    /// A job that erases this document.
    pub(crate) fn of(document: DocumentId) -> NewJob {
        NewJob::new(Self::KIND, document.as_uuid())
    }

    async fn erase(&self, context: &JobContext) -> Result<Outcome, JobError> {
        let document = DocumentId::from(context.subject());
        let ai = &self.state.ai;
        timeout(
            INDEX_TIMEOUT,
            ai.delete_from_index(context.tenant(), document),
        )
        .await
        .map_err(|_| JobError::unavailable(Service::AiEngine.name(), &"no response in time"))?
        .map_err(clients::ai_engine::job_error)?;
        self.remove(context, document).await
    }

    /// Removes row and file, in the transaction that completes the job. The file stays if its
    /// content was uploaded again meanwhile.
    async fn remove(
        &self,
        context: &JobContext,
        document: DocumentId,
    ) -> Result<Outcome, JobError> {
        let mut tx = context.begin().await?;
        if let Some(hash) = processing::remove(&mut tx, document).await? {
            documents::lock_content(&mut tx, hash).await?;
            if documents::with_content(&mut tx, hash).await?.is_none() {
                let removed = self.state.files.remove(context.tenant(), hash).await;
                removed.map_err(|error| JobError::unavailable(files::NAME, &error))?;
            }
        }
        if !context.complete(&mut tx).await? {
            return Ok(Outcome::LeaseLost);
        }
        tx.commit().await?;
        Ok(Outcome::Completed)
    }
}

impl Job for EraseDocument {
    const KIND: &'static str = "erase_document";
    const TIMEOUT: Duration = Duration::from_mins(5);
    const NEVER_FAILS: bool = true;
    type Payload = serde_json::Map<String, serde_json::Value>;

    async fn run(&self, context: &JobContext, _: Self::Payload) -> Result<Outcome, JobError> {
        let mut tx = context.begin_read().await?;
        let being_processed = rows::has_running_sibling(&mut tx, context.job()).await?;
        drop(tx);
        if being_processed {
            return Ok(Outcome::Continue(SIBLING_DELAY));
        }
        context.progress("erasing", 0).await?;
        self.erase(context).await
    }
}
