//! Background work, and what runs it.

mod answer_conversation;
mod summarise_conversation;

use shared_config::Service;
use shared_jobs::Runner;
use shared_jobs::retention::CleanUp;

use crate::state::AppState;
use answer_conversation::AnswerConversation;
use summarise_conversation::SummariseConversation;

/// Answers that one process generates at the same time: they mostly wait for ai-engine. More
/// conversations wait for their turn, and the tenant with the fewest answers comes first.
const ANSWER_CONCURRENCY: usize = 64;

/// The runner of this service's jobs and of its scheduled work.
pub(crate) fn runner(app: &AppState) -> Runner {
    Runner::new(app.db.clone(), app.jobs.clone(), ANSWER_CONCURRENCY)
        .with(AnswerConversation::new(app.clone()))
        .with(SummariseConversation)
        .scheduled(CleanUp::new(
            app.db.clone(),
            Service::Channel,
            app.retention.clone(),
        ))
}
