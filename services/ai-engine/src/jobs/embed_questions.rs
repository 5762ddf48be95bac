//! Makes the vectors of the questions of pairs soon after they were written. After a change of the
//! model, `reembed_account` makes those of all.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared_config::Store;
use shared_jobs::{Job, JobContext, JobError, NewJob, Outcome};
use shared_models::JobId;

use crate::app::qa;
use crate::error::Error;
use crate::state::AppState;

/// The job of one account.
pub(crate) struct EmbedQuestionsJob {
    state: AppState,
}

/// Nothing: the job makes whatever is missing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Missing {}

impl EmbedQuestionsJob {
    pub(super) const fn new(state: AppState) -> Self {
        Self { state }
    }

    /// A job that makes what is missing.
    pub(crate) fn wanted() -> NewJob {
        NewJob::new(Self::KIND, JobId::new().as_uuid())
    }
}

impl Job for EmbedQuestionsJob {
    const KIND: &'static str = "embed_questions";
    const TIMEOUT: Duration = Duration::from_mins(30);
    type Payload = Missing;

    async fn run(&self, context: &JobContext, _: Missing) -> Result<Outcome, JobError> {
        let embedded = qa::embed_missing(&self.state, context.tenant()).await;
        embedded.map_err(|error| match error {
            Error::Database(cause) => cause.into(),
            Error::Model(cause) if !cause.is_unavailable() => JobError::internal(&cause),
            // Exact questions are answered meanwhile.
            cause => JobError::unavailable(Store::Ollama.name(), &cause),
        })?;
        Ok(Outcome::Done)
    }
}
