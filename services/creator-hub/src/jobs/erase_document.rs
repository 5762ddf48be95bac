//! Removes a document from everywhere: ai-engine's index, its row, its files.

use std::time::Duration;

use shared_blobs::BlobKey;
use shared_config::Service;
use shared_jobs::{Job, JobContext, JobError, NewJob, Outcome, rows};
use shared_models::DocumentId;
use tokio::time::timeout;

use crate::app::library::DELETED;
use crate::clients;
use crate::files;
use crate::state::AppState;
use crate::store::document_versions;
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

    /// Removes rows and files, in the transaction that completes the job. A file stays if its
    /// content was uploaded again meanwhile.
    async fn remove(
        &self,
        context: &JobContext,
        document: DocumentId,
    ) -> Result<Outcome, JobError> {
        let mut tx = context.begin().await?;
        let mut contents = document_versions::contents(&mut tx, document).await?;
        contents.extend(processing::remove(&mut tx, document).await?);
        // In one order, so that two erasures do not wait for each other.
        contents.sort_unstable();
        contents.dedup();
        for hash in contents {
            documents::lock_content(&mut tx, hash).await?;
            if !document_versions::is_used(&mut tx, hash).await? {
                self.remove_file(BlobKey::upload(context.tenant(), hash))
                    .await?;
            }
        }
        // Earlier versions know of no texts: if one of them removed the row, the text is left.
        self.remove_file(BlobKey::text(context.tenant(), document))
            .await?;
        if !context.complete(&mut tx).await? {
            return Ok(Outcome::LeaseLost);
        }
        tx.commit().await?;
        Ok(Outcome::Completed)
    }

    async fn remove_file(&self, key: BlobKey) -> Result<(), JobError> {
        let removed = self.state.files.remove(key).await;
        removed.map_err(files::job_error)
    }

    /// Ends the processing of the document; false while a worker is still at it. A worker that died
    /// cannot resume what would otherwise follow the erasure.
    async fn stop_processing(&self, context: &JobContext) -> Result<bool, JobError> {
        let mut tx = context.begin().await?;
        let (subject, own) = (context.subject(), context.job().id);
        rows::cancel_subject(&mut tx, subject, Some(own), DELETED).await?;
        let is_running = rows::has_running_sibling(&mut tx, context.job()).await?;
        tx.commit().await?;
        Ok(!is_running)
    }
}

impl Job for EraseDocument {
    const KIND: &'static str = "erase_document";
    const TIMEOUT: Duration = Duration::from_mins(5);
    const NEVER_FAILS: bool = true;
    type Payload = serde_json::Map<String, serde_json::Value>;

    async fn run(&self, context: &JobContext, _: Self::Payload) -> Result<Outcome, JobError> {
        if !self.stop_processing(context).await? {
            return Ok(Outcome::Continue(SIBLING_DELAY));
        }
        context.progress("erasing", 0).await?;
        self.erase(context).await
    }
}
