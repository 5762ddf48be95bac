//! Extends the summary of a long conversation.

use std::time::Duration;

use shared_jobs::{Job, JobContext, JobError, Outcome};

use crate::app::conversations::summary;

/// The job.
pub(super) struct SummariseConversation;

impl Job for SummariseConversation {
    const KIND: &'static str = summary::SUMMARISE_CONVERSATION;
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Payload = serde_json::Map<String, serde_json::Value>;

    async fn run(&self, context: &JobContext, _: Self::Payload) -> Result<Outcome, JobError> {
        while summary::extend(context).await? {}
        Ok(Outcome::Done)
    }
}
