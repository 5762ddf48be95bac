//! Makes the vectors of the questions of pairs: soon after they were written, and of all when the
//! platform has another model.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared_config::Store;
use shared_jobs::{
    Job, JobContext, JobError, NewJob, Outcome, Progress, ScheduleError, ScheduledWork,
};
use shared_models::JobId;

use crate::app::qa;
use crate::error::Error;
use crate::state::AppState;
use crate::store::qa_vectors;

/// Accounts of one scheduled run.
const ACCOUNTS: u8 = 50;

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

/// The work for accounts whose vectors another model made.
#[derive(Debug)]
pub(super) struct EmbedQuestions {
    state: AppState,
}

impl EmbedQuestions {
    pub(super) const fn new(state: AppState) -> Self {
        Self { state }
    }
}

impl ScheduledWork for EmbedQuestions {
    const NAME: &'static str = "embed_questions";
    const INTERVAL: Duration = Duration::from_mins(5);
    const TIMEOUT: Duration = Duration::from_hours(1);

    async fn run(&self) -> Result<Progress, ScheduleError> {
        let model = &self.state.embedder.model().name;
        let accounts = qa_vectors::accounts_without(&self.state.db, model, ACCOUNTS.into()).await?;
        let progress = if accounts.len() < usize::from(ACCOUNTS) {
            Progress::Done
        } else {
            Progress::More
        };
        // One account whose questions are refused must not keep the others from it.
        let mut failure = None;
        for tenant in accounts {
            if let Err(error) = qa::embed_missing(&self.state, tenant).await {
                tracing::warn!(%error, "vectors of an account's pairs not made");
                failure = Some(error);
            }
        }
        failure.map_or(Ok(progress), |error| Err(error.into()))
    }
}
