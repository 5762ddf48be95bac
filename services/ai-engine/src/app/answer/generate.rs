//! Writes generative answers: lets the chat model's sentences through as far as the sources support
//! them.

use std::pin::Pin;
use std::time::Duration;

use shared_ai_client::answer::Failure;
use shared_ai_client::{FellBackReason, Usage};
use shared_models::text::{MultiLine, SingleLine};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::AnswerOutcome;
use super::compose::AnswerWriter;
use super::strategy::log_fallback;
use crate::clients::bulkhead::BulkheadPermit;
use crate::clients::chat_stream::{ChatEvent, ChatStream};
use crate::clients::model_error::ModelError;
use crate::clients::model_servers::{AnsweredBy, StartedChat};
use crate::domain::answer::checked_text::CheckedText;
use crate::domain::answer::grounding::{Evidence, Passage};
use crate::domain::answer::prompt::{self, ChatRequest};

/// If an extractive answer is good enough, a checked sentence must be there so soon after the
/// question.
const FIRST_SENTENCE_TIMEOUT: Duration = Duration::from_secs(4);
/// The least of this time that is left to the model after the longest wait for a slot.
const MIN_WRITING_TIMEOUT: Duration = Duration::from_secs(2);

/// For the first token of a server that another one can replace.
const REPLACEABLE_TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
/// The same, if an extractive answer is good enough: time for the next server must be left.
const REPLACEABLE_AUTO_TOKEN_TIMEOUT: Duration = Duration::from_millis(2500);

/// How the chat model's stream ended.
enum ChatEnd {
    Complete {
        usage: Usage,
        is_truncated: bool,
    },
    Failed(ModelError),
    /// No sentence was there in time.
    TooSlow,
    /// The caller has closed the connection, or the answer was cancelled.
    Stopped,
}

/// The chat is started in a task of its own: closing the connection while Ollama loads the model
/// would end the loading, and the next question would wait as long.
struct StartingChat {
    task: JoinHandle<(BulkheadPermit, Result<StartedChat, ModelError>)>,
    /// When it is dropped, no further server is asked.
    _asked: DropGuard,
}

/// What was shown of an answer, and who wrote it.
struct Shown {
    text: CheckedText,
    has_text: bool,
    by: Option<AnsweredBy>,
}

impl AnswerWriter<'_> {
    pub(super) async fn generative(
        &self,
        permit: BulkheadPermit,
        may_fall_back: bool,
    ) -> AnswerOutcome {
        let mut shown = Shown {
            text: CheckedText::new(self.evidence(), self.passages.len()),
            has_text: false,
            by: None,
        };
        let end = self.relay(permit, may_fall_back, &mut shown).await;
        let has_text = shown.has_text;
        let mut outcome = AnswerOutcome {
            generative: true,
            model_called: true,
            citations: shown.text.citations(),
            ..AnswerOutcome::default()
        };
        match end {
            ChatEnd::Stopped => outcome.cancelled = true,
            ChatEnd::Complete {
                usage,
                is_truncated,
            } => {
                outcome.usage = usage;
                outcome.truncated = is_truncated;
                if !has_text {
                    log_fallback(&"the model wrote nothing that the sources support");
                    outcome = self.fall_back(FellBackReason::Unsupported, usage).await;
                }
            }
            ChatEnd::TooSlow => {
                log_fallback(&"no checked sentence was there in time");
                outcome = self.fall_back(FellBackReason::Slow, Usage::default()).await;
            }
            ChatEnd::Failed(error) if may_fall_back && !has_text => {
                log_fallback(&error);
                let reason = reason(&error);
                outcome = self.fall_back(reason, Usage::default()).await;
            }
            ChatEnd::Failed(error) => {
                tracing::warn!(%error, has_text, "chat model failed");
                outcome.failure = Some(failure(&error));
            }
        }
        outcome.answered_by = shown.by;
        outcome
    }

    async fn fall_back(&self, reason: FellBackReason, usage: Usage) -> AnswerOutcome {
        AnswerOutcome {
            usage,
            model_called: true,
            ..self.extractive(Some(reason)).await
        }
    }

    fn evidence(&self) -> Evidence {
        let passages = self.passages.iter().map(|found| Passage {
            number: found.source.number,
            title: &found.source.title,
            heading: found.source.heading.as_deref(),
            text: &found.source.text,
        });
        Evidence::new(self.search_text, passages)
    }

    fn start_chat(&self, permit: BulkheadPermit, may_fall_back: bool) -> StartingChat {
        let nonce = self.id.as_uuid().simple().to_string();
        let messages = prompt::messages(
            self.question.question.as_str(),
            (
                self.question.summary.as_ref().map(MultiLine::as_str),
                &self.question.history,
            ),
            self.passages.iter().map(|found| &found.source),
            &nonce,
        );
        let mut request = ChatRequest::new(messages);
        if let Some(temperature) = self.settings.temperature {
            request.temperature = temperature.into();
        }
        if let Some(tokens) = self.settings.max_answer_tokens {
            request.max_tokens = tokens.get();
        }
        let preferred = self.settings.chat_server.clone();
        let servers = self.app.chat_servers.clone();
        let patience = if may_fall_back {
            REPLACEABLE_AUTO_TOKEN_TIMEOUT
        } else {
            REPLACEABLE_TOKEN_TIMEOUT
        };
        let has_left = CancellationToken::new();
        let asked = has_left.clone().drop_guard();
        let task = tokio::spawn(async move {
            let preferred = preferred.as_ref().map(SingleLine::as_str);
            let started = servers.start(&request, preferred, patience, &has_left);
            let started = started.await;
            if let Err(error) = &started {
                permit.report(Some(error));
            }
            (permit, started)
        });
        StartingChat {
            task,
            _asked: asked,
        }
    }

    /// Waits until a server has begun to answer.
    async fn begin(
        &self,
        permit: BulkheadPermit,
        may_fall_back: bool,
        deadline: &mut Pin<Box<Sleep>>,
    ) -> Result<(BulkheadPermit, StartedChat), ChatEnd> {
        let mut starting = self.start_chat(permit, may_fall_back);
        tokio::select! {
            () = self.stop_requested() => {
                starting.task.abort();
                Err(ChatEnd::Stopped)
            }
            () = deadline, if may_fall_back => Err(ChatEnd::TooSlow),
            joined = &mut starting.task => match joined {
                Ok((permit, Ok(started))) => Ok((permit, started)),
                Ok((_, Err(error))) => Err(ChatEnd::Failed(error)),
                Err(_) => Err(ChatEnd::Failed(ModelError::Truncated)),
            },
        }
    }

    /// Relays the model's text. Returning drops the stream, which stops the model.
    async fn relay(
        &self,
        permit: BulkheadPermit,
        may_fall_back: bool,
        shown: &mut Shown,
    ) -> ChatEnd {
        let begun = Instant::now();
        let longest_wait = self.app.queues.quote_after + MIN_WRITING_TIMEOUT;
        let patience = FIRST_SENTENCE_TIMEOUT.max(longest_wait);
        let deadline = Instant::from_std(self.started) + patience;
        let mut deadline = Box::pin(tokio::time::sleep_until(deadline));
        let started = self.begin(permit, may_fall_back, &mut deadline).await;
        let (permit, StartedChat { mut stream, by }) = match started {
            Ok(started) => started,
            Err(end) => return end,
        };
        shown.by = Some(by.clone());
        loop {
            let is_awaited = may_fall_back && !shown.has_text;
            let next = self.next_event(&mut stream, &mut deadline, is_awaited);
            let event = match next.await {
                Ok(event) => event,
                Err(end) => {
                    if let ChatEnd::Failed(error) = &end {
                        permit.report(Some(error));
                        self.app.chat_servers.record_broken(&by, error);
                    }
                    return end;
                }
            };
            let text = match &event {
                ChatEvent::Delta(delta) => shown.text.push(delta),
                ChatEvent::Done { is_truncated, .. } => shown.text.finish(*is_truncated),
            };
            count_stopped(&mut shown.text);
            if !shown.has_text && !text.is_empty() {
                shown.has_text = true;
                let seconds = begun.elapsed().as_secs_f64();
                metrics::histogram!("ai_engine_first_token_seconds").record(seconds);
            }
            if !self.send_text(text).await {
                return ChatEnd::Stopped;
            }
            if let ChatEvent::Done {
                usage,
                is_truncated,
            } = event
            {
                permit.report(None);
                return ChatEnd::Complete {
                    usage,
                    is_truncated,
                };
            }
        }
    }

    async fn next_event(
        &self,
        stream: &mut ChatStream,
        deadline: &mut Pin<Box<Sleep>>,
        is_awaited: bool,
    ) -> Result<ChatEvent, ChatEnd> {
        tokio::select! {
            () = self.stop_requested() => Err(ChatEnd::Stopped),
            () = deadline, if is_awaited => Err(ChatEnd::TooSlow),
            event = stream.next() => event.map_err(ChatEnd::Failed),
        }
    }
}

fn count_stopped(text: &mut CheckedText) {
    for fault in text.take_faults() {
        metrics::counter!("ai_engine_sentences_stopped_total", "fault" => fault.as_str())
            .increment(1);
    }
}

/// Why quotations take the place of a text that did not begin.
const fn reason(error: &ModelError) -> FellBackReason {
    match error {
        ModelError::Busy { .. } => FellBackReason::Overloaded,
        ModelError::Timeout(_) => FellBackReason::Slow,
        ModelError::Unreachable(_) | ModelError::NotFound(_) => FellBackReason::Unavailable,
        _ => FellBackReason::Failed,
    }
}

fn failure(error: &ModelError) -> Failure {
    let message = match error {
        ModelError::Truncated | ModelError::ModelFailed(_) => {
            "the model stopped early; the text so far is incomplete"
        }
        ModelError::Busy { .. } => "the model is overloaded; try again shortly",
        ModelError::TooLong => "the question and its conversation are too long for the model",
        _ => "the model did not respond; try again shortly",
    };
    Failure {
        code: error.answer_failure(),
        message: message.to_owned(),
    }
}
