//! Answers the open questions of a conversation: one at a time, in their order, for all sockets.
//!
//! The job starts in the process that has received the question, where the visitor's socket usually
//! is, without being claimed (`JobQueue::enqueue_here`). Another process claims it when this one
//! has no free slot, stops or dies.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use shared_ai_client::client::Events;
use shared_ai_client::{AiError, AnswerEvent, ChatTurn, Done, Question, TurnRole};
use shared_jobs::{Job, JobContext, JobError, Outcome};
use shared_models::text::MultiLine;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::app::conversations::MessageRow;
use crate::app::conversations::answer::{self, Earlier, LeasedQuestion, NextQuestion};
use crate::domain::citations;
use crate::domain::conversation::{ConversationKey, MessageRole};
use crate::domain::frame::{CitedSource, ErrorCode, ErrorFrame, ServerFrame};
use crate::domain::summary::MAX_SUMMARY;
use crate::state::AppState;

/// Longest answer that is stored, characters.
const MAX_ANSWER_LENGTH: usize = 32_000;
/// Longest question that ai-engine accepts, characters.
const MAX_QUESTION_LENGTH: usize = 4_000;
/// Longest message of the history that ai-engine accepts, characters.
const MAX_HISTORY_LENGTH: usize = 8_000;
/// Longest time for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(3);
/// How often a waiting widget is notified that its answer is still being generated.
const TYPING_INTERVAL: Duration = Duration::from_secs(4);
const LEASE_RENEWAL_INTERVAL: Duration = Duration::from_secs(10);
/// Waits this long after the lease of another process has expired, to let it finish.
const TAKEOVER_BACKOFF: Duration = Duration::from_millis(500);
/// An answer that is not finished this long after the stop signal is left to another replica.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// The job.
pub(super) struct AnswerConversation {
    app: AppState,
}

/// Why a question gets no answer from this worker.
enum NoAnswer {
    /// Reported to the visitor, who may retry.
    Failed(Failure),
    /// The visitor stopped it before its first text.
    Stopped,
    /// This process stops; another one answers.
    Stopping,
    /// Another worker or a person has taken over the conversation.
    TakenOver,
}

/// A failure, as reported to the visitor.
struct Failure {
    code: ErrorCode,
    message: String,
}

/// An answer to store.
struct GeneratedAnswer {
    draft: AnswerDraft,
    /// `None` when the visitor stopped it.
    done: Option<Done>,
}

/// An answer while it is generated.
#[derive(Default)]
struct AnswerDraft {
    text: String,
    length: usize,
    sources: Vec<CitedSource>,
}

impl AnswerConversation {
    pub(super) const fn new(app: AppState) -> Self {
        Self { app }
    }
}

impl Job for AnswerConversation {
    const KIND: &'static str = answer::ANSWER_CONVERSATION;
    /// For all questions that arrive meanwhile; each answer has its own limit.
    const TIMEOUT: Duration = Duration::from_hours(1);
    /// After `SHUTDOWN_TIMEOUT`, the job still has to end its lease on the conversation.
    const DRAIN_TIMEOUT: Duration = Duration::from_secs(9);
    type Payload = serde_json::Map<String, serde_json::Value>;

    async fn run(&self, context: &JobContext, _: Self::Payload) -> Result<Outcome, JobError> {
        let app = &self.app;
        while !app.stop.is_cancelled() {
            match answer::lease_next_question(context).await? {
                NextQuestion::Leased(question, earlier) => {
                    answer_question(app, context, &question, &earlier).await?;
                }
                // If that process dies, its lease expires and this job takes over.
                NextQuestion::LeasedElsewhere(remaining) => {
                    return Ok(Outcome::Continue(remaining + TAKEOVER_BACKOFF));
                }
                NextQuestion::None => return Ok(Outcome::Completed),
                NextQuestion::JobLost => return Ok(Outcome::LeaseLost),
            }
        }
        Ok(Outcome::Continue(Duration::ZERO))
    }
}

async fn answer_question(
    app: &AppState,
    context: &JobContext,
    question: &LeasedQuestion,
    earlier: &Earlier,
) -> sqlx::Result<()> {
    let (key, reply_to) = (answer::conversation(context), question.seq);
    // Also when this attempt is dropped, because another worker has the job by now.
    let _ended = EndOnDrop { app, key };
    let stopped = app.broadcaster.start_answer(key, reply_to);
    let generated = generate(app, context, question, earlier, &stopped).await;
    let settled = finish_answer(app, context, reply_to, generated).await;
    app.broadcaster.end_answer(key);
    if settled.is_err() {
        let failure = Failure::new(
            ErrorCode::DependencyUnavailable,
            "postgres does not answer; try again shortly",
        );
        let frame = failure.frame(reply_to);
        app.broadcaster.send_failure(key, reply_to, &frame);
    }
    settled
}

/// Forgets the pending answer of a conversation when it is dropped.
struct EndOnDrop<'a> {
    app: &'a AppState,
    key: ConversationKey,
}

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.app.broadcaster.end_answer(self.key);
    }
}

/// Streams an answer from ai-engine while renewing the lease on the conversation.
async fn generate(
    app: &AppState,
    context: &JobContext,
    question: &LeasedQuestion,
    earlier: &Earlier,
    stopped: &CancellationToken,
) -> Result<GeneratedAnswer, NoAnswer> {
    let mut draft = AnswerDraft::default();
    let done = generate_into(&mut draft, app, context, (question, earlier), stopped).await?;
    if done.is_none() && draft.text.trim().is_empty() {
        return Err(NoAnswer::Stopped);
    }
    Ok(GeneratedAnswer { draft, done })
}

/// Returns `None` when the visitor stops the answer.
async fn generate_into(
    draft: &mut AnswerDraft,
    app: &AppState,
    context: &JobContext,
    (question, earlier): (&LeasedQuestion, &Earlier),
    stopped: &CancellationToken,
) -> Result<Option<Done>, NoAnswer> {
    let (started, key) = (Instant::now(), answer::conversation(context));
    // Dropping it stops the model.
    let mut streaming = std::pin::pin!(stream(draft, app, key, question, earlier));
    let mut shutdown = std::pin::pin!(async {
        app.stop.cancelled().await;
        sleep(SHUTDOWN_TIMEOUT).await;
    });
    let mut typing = interval(TYPING_INTERVAL);
    let mut renewal = interval(LEASE_RENEWAL_INTERVAL);
    typing.reset();
    renewal.reset();
    loop {
        tokio::select! {
            streamed = &mut streaming => {
                return streamed.map(Some).map_err(NoAnswer::Failed);
            }
            () = stopped.cancelled() => return Ok(None),
            () = &mut shutdown => return Err(NoAnswer::Stopping),
            _ = typing.tick() => app.broadcaster.repeat_start(key),
            _ = renewal.tick() => {
                if started.elapsed() > ANSWER_TIMEOUT {
                    return Err(NoAnswer::Failed(Failure::new(ErrorCode::AnswerTimeout,
                        "the answer took too long")));
                }
                // An unavailable database does not revoke the lease: only a lost one counts.
                if !answer::renew(context).await.unwrap_or(true) {
                    return Err(NoAnswer::TakenOver);
                }
            }
        }
    }
}

async fn stream(
    draft: &mut AnswerDraft,
    app: &AppState,
    key: ConversationKey,
    question: &LeasedQuestion,
    earlier: &Earlier,
) -> Result<Done, Failure> {
    let mut events = ask_ai_engine(app, key, question, earlier).await?;
    while let Some(event) = events.next().await {
        match event.map_err(|error| Failure::from_ai_error(&error))? {
            AnswerEvent::Done(done) => return Ok(done),
            AnswerEvent::Sources(sources) => {
                draft.sources = sources.into_iter().map(CitedSource::from).collect();
                app.broadcaster
                    .send_sources(key, question.seq, &draft.sources);
            }
            AnswerEvent::Token(token) => {
                draft.push(&token.text)?;
                app.broadcaster.send_delta(key, question.seq, &token.text);
            }
            AnswerEvent::Error(error) => {
                return Err(Failure::new(ErrorCode::Answer(error.code), &error.message));
            }
        }
    }
    Err(Failure::interrupted())
}

async fn ask_ai_engine(
    app: &AppState,
    key: ConversationKey,
    question: &LeasedQuestion,
    earlier: &Earlier,
) -> Result<Events<AnswerEvent>, Failure> {
    let text = acceptable_text(&question.content, MAX_QUESTION_LENGTH);
    let request = Question {
        question: text.ok_or_else(Failure::not_asked)?,
        mode: question.mode,
        history: earlier.messages.iter().filter_map(history_turn).collect(),
        summary: earlier
            .summary
            .as_deref()
            .and_then(|text| acceptable_text(text, MAX_SUMMARY)),
        passages: None,
        collections: question.collections.clone(),
        // This job reads the answer wherever the visitor is.
        resumable: false,
    };
    app.ai
        .answer(key.creator, question.visitor, &request)
        .await
        .map_err(|error| Failure::from_ai_error(&error))
}

impl AnswerDraft {
    fn push(&mut self, text: &str) -> Result<(), Failure> {
        self.length += text.chars().count();
        if self.length > MAX_ANSWER_LENGTH {
            return Err(Failure::new(
                ErrorCode::AnswerTooLong,
                "the answer grew too long",
            ));
        }
        self.text.push_str(text);
        Ok(())
    }
}

/// Stores the answer or reports the failure; ends the lease either way.
async fn finish_answer(
    app: &AppState,
    context: &JobContext,
    reply_to: i64,
    generated: Result<GeneratedAnswer, NoAnswer>,
) -> sqlx::Result<()> {
    let (outcome, failure) = match generated {
        Ok(answer) if !answer.draft.text.trim().is_empty() => {
            let outcome = answer.done.as_ref().map_or("stopped", |_| "answered");
            store(app, context, reply_to, answer).await?;
            (outcome, None)
        }
        Ok(_) => ("failed", Some(Failure::interrupted())),
        Err(NoAnswer::Failed(failure)) => ("failed", Some(failure)),
        Err(NoAnswer::Stopped) => ("stopped", Some(Failure::stopped())),
        Err(NoAnswer::TakenOver) => ("taken_over", None),
        Err(NoAnswer::Stopping) => {
            answer::release(context, None).await?;
            ("left", None)
        }
    };
    metrics::counter!("channel_answers_total", "outcome" => outcome).increment(1);
    if let Some(failure) = failure {
        let key = answer::conversation(context);
        answer::release(context, Some(reply_to)).await?;
        app.broadcaster.end_answer(key);
        let frame = failure.frame(reply_to);
        app.broadcaster.send_failure(key, reply_to, &frame);
    }
    Ok(())
}

async fn store(
    app: &AppState,
    context: &JobContext,
    reply_to: i64,
    answer: GeneratedAnswer,
) -> sqlx::Result<()> {
    let GeneratedAnswer { mut draft, done } = answer;
    let citations = done.as_ref().map_or_else(
        || citations::numbers(&draft.text),
        |done| done.citations.clone(),
    );
    CitedSource::mark_cited(&mut draft.sources, &citations);
    let stored = answer::complete(
        context,
        (&app.events, &app.jobs),
        reply_to,
        &draft.text,
        &draft.sources,
        done.as_ref(),
    )
    .await?;
    if let Some(row) = stored {
        metrics::counter!("channel_messages_total", "role" => "assistant").increment(1);
        let key = answer::conversation(context);
        app.broadcaster.end_answer(key);
        app.broadcaster.send_stored(key, &row);
    }
    Ok(())
}

fn history_turn(message: &MessageRow) -> Option<ChatTurn> {
    let role = match message.role {
        MessageRole::User => TurnRole::User,
        MessageRole::Assistant => TurnRole::Assistant,
    };
    let content = acceptable_text(&message.content, MAX_HISTORY_LENGTH)?;
    Some(ChatTurn { role, content })
}

/// Text that ai-engine accepts: bounded and without control characters.
fn acceptable_text<const MAX: usize>(text: &str, max: usize) -> Option<MultiLine<MAX>> {
    let is_allowed = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let filtered: String = text.chars().filter(is_allowed).take(max).collect();
    MultiLine::parse(&filtered).ok()
}

impl Failure {
    fn new(code: ErrorCode, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
        }
    }

    fn interrupted() -> Self {
        Self::new(
            ErrorCode::AnswerInterrupted,
            "the answer was interrupted; ask again",
        )
    }

    fn stopped() -> Self {
        Self::new(ErrorCode::AnswerStopped, "the answer was stopped")
    }

    fn not_asked() -> Self {
        Self::new(ErrorCode::Internal, "the question could not be asked")
    }

    /// The details of a dependency's error go to the log; the visitor gets its name.
    fn from_ai_error(error: &AiError) -> Self {
        tracing::warn!(%error, "ai-engine did not answer the question");
        match error {
            AiError::Unavailable { .. } => Self::new(
                ErrorCode::DependencyUnavailable,
                "ai-engine does not answer; try again shortly",
            ),
            AiError::Refused { status: 429, .. } => Self::new(
                ErrorCode::RateLimited,
                "too many questions at once; try again shortly",
            ),
            AiError::Refused { .. } => {
                Self::new(ErrorCode::AnswerRefused, "the question was refused")
            }
            AiError::Stalled(_) | AiError::Malformed { .. } => Self::interrupted(),
            AiError::NoToken(_) => Self::not_asked(),
        }
    }

    fn frame(&self, reply_to: i64) -> ServerFrame<'_> {
        ServerFrame::Error(ErrorFrame {
            reply_to: Some(reply_to),
            ..ErrorFrame::new(self.code, &self.message)
        })
    }
}
