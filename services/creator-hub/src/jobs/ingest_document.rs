//! creator-hub's part of making a document searchable: extracts the text and hands it to ai-engine,
//! and records how the indexing ended.
//!
//! Both steps have one kind, which earlier versions know too: in a rolling upgrade, one of their
//! workers that claims either step does the whole work as it used to, and the result is the same.

mod extract;
mod record;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared_ai_client::IndexedDocument;
use shared_db::TenantTx;
use shared_jobs::{Job, JobContext, JobError, NewJob, Outcome};
use shared_models::{DocumentId, Retry};

use crate::app::library::DELETED;
use crate::state::AppState;
use crate::store::documents::processing;

/// The job.
pub(crate) struct IngestDocument {
    state: AppState,
}

impl IngestDocument {
    pub(crate) const fn new(state: AppState) -> Self {
        Self { state }
    }

    /// A job that makes this document searchable.
    pub(crate) fn of(document: DocumentId) -> NewJob {
        NewJob::new(Self::KIND, document.as_uuid())
    }
}

/// Which step it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Step {
    /// ai-engine has indexed the text, or failed to.
    Record(IndexedDocument),
    /// The text is to be extracted: the first step, whose payload is empty.
    Extract {},
}

impl Job for IngestDocument {
    const KIND: &'static str = "ingest_document";
    /// A document of the largest size on a slow disk.
    const TIMEOUT: Duration = Duration::from_mins(30);
    type Payload = Step;

    async fn run(&self, context: &JobContext, step: Step) -> Result<Outcome, JobError> {
        match step {
            Step::Extract {} => extract::run(&self.state, context).await,
            Step::Record(indexed) => record::run(&self.state, context, &indexed).await,
        }
    }

    async fn on_failure(
        &self,
        tx: &mut TenantTx,
        context: &JobContext,
        error: &JobError,
        failed: bool,
    ) -> sqlx::Result<()> {
        if !failed {
            return Ok(());
        }
        let document = DocumentId::from(context.subject());
        processing::fail(tx, document, None, &error.code, &error.reason).await
    }
}

fn deleted() -> JobError {
    JobError::new("cancelled", DELETED, Retry::Never)
}
