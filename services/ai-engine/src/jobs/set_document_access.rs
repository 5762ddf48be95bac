//! Applies who may see documents, where creator-hub could not do it by a request.

use std::time::Duration;

use shared_ai_client::{SET_DOCUMENT_ACCESS, SetDocumentAccess};
use shared_jobs::{Job, JobContext, JobError, Outcome};

use crate::store::document_access;

/// The job.
pub(crate) struct SetDocumentAccessJob;

impl Job for SetDocumentAccessJob {
    const KIND: &'static str = SET_DOCUMENT_ACCESS;
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Payload = SetDocumentAccess;

    async fn run(
        &self,
        context: &JobContext,
        wanted: SetDocumentAccess,
    ) -> Result<Outcome, JobError> {
        let mut tx = context.begin().await?;
        document_access::save(&mut tx, &wanted.documents).await?;
        if !context.complete(&mut tx).await? {
            return Ok(Outcome::LeaseLost);
        }
        tx.commit().await?;
        Ok(Outcome::Completed)
    }
}
