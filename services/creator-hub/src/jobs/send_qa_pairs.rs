//! Sends question-and-answer pairs to ai-engine as they are by then.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared_config::Service;
use shared_jobs::{Job, JobContext, JobError, NewJob, Outcome};
use shared_models::{JobId, QaPairId};
use tokio::time::timeout;

use crate::app::qa_copies;
use crate::clients;
use crate::state::AppState;

/// Longest wait for ai-engine.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// The job: what a creator changed or deleted must reach ai-engine.
pub(crate) struct SendQaPairs {
    state: AppState,
}

/// Which pairs. Their texts are read when the job runs, so that a deleted one is in no job.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PairsToSend {
    pairs: Vec<QaPairId>,
}

impl SendQaPairs {
    pub(crate) const fn new(state: AppState) -> Self {
        Self { state }
    }

    /// A job that sends these pairs.
    pub(crate) fn of(pairs: &[QaPairId]) -> sqlx::Result<NewJob> {
        let payload = PairsToSend {
            pairs: pairs.to_vec(),
        };
        let job = NewJob::new(Self::KIND, JobId::new().as_uuid()).payload(&payload);
        job.map_err(|error| sqlx::Error::Encode(Box::new(error)))
    }
}

impl Job for SendQaPairs {
    const KIND: &'static str = "send_qa_pairs";
    const TIMEOUT: Duration = Duration::from_mins(1);
    const NEVER_FAILS: bool = true;
    type Payload = PairsToSend;

    async fn run(&self, context: &JobContext, wanted: PairsToSend) -> Result<Outcome, JobError> {
        let mut tx = context.begin_read().await?;
        let changes = qa_copies::current(&mut tx, &wanted.pairs).await?;
        drop(tx);
        let sending = self.state.ai.set_qa_pairs(context.tenant(), &changes);
        timeout(SEND_TIMEOUT, sending)
            .await
            .map_err(|_| JobError::unavailable(Service::AiEngine.name(), &"no response in time"))?
            .map_err(clients::ai_engine::job_error)?;
        Ok(Outcome::Done)
    }
}
