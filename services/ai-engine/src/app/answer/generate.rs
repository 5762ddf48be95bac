//! Writes generative answers: lets the chat model's sentences through as far as the sources support
//! them.

use std::pin::Pin;
use std::time::Duration;

use shared_ai_client::Usage;
use shared_ai_client::answer::Failure;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};

use super::AnswerOutcome;
use super::compose::AnswerWriter;
use super::strategy::log_fallback;
use crate::clients::ollama::bulkhead::BulkheadPermit;
use crate::clients::ollama::{ChatEvent, ChatStream, OllamaError};
use crate::domain::answer::checked_text::CheckedText;
use crate::domain::answer::grounding::{Evidence, Passage};
use crate::domain::answer::prompt;

/// If an extractive answer is good enough, a checked sentence must be there so soon after the
/// question.
const FIRST_SENTENCE_TIMEOUT: Duration = Duration::from_secs(4);

/// How the chat model's stream ended.
enum ChatEnd {
    Complete {
        usage: Usage,
        is_truncated: bool,
    },
    Failed(OllamaError),
    /// No sentence was there in time.
    TooSlow,
    /// The caller has closed the connection, or the answer was cancelled.
    Stopped,
}

/// The chat is started in a task of its own: closing the connection while Ollama loads the model
/// would end the loading, and the next question would wait as long.
type StartingChat = JoinHandle<(BulkheadPermit, Result<ChatStream, OllamaError>)>;

impl AnswerWriter<'_> {
    pub(super) async fn generative(
        &self,
        permit: BulkheadPermit,
        may_fall_back: bool,
    ) -> AnswerOutcome {
        let mut text = CheckedText::new(self.evidence(), self.passages.len());
        let mut has_text = false;
        let end = self
            .relay(permit, may_fall_back, &mut text, &mut has_text)
            .await;
        let mut outcome = AnswerOutcome {
            generative: true,
            model_called: true,
            citations: text.citations(),
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
                    outcome = self.fall_back(usage).await;
                }
            }
            ChatEnd::TooSlow => {
                log_fallback(&"no checked sentence was there in time");
                outcome = self.fall_back(Usage::default()).await;
            }
            ChatEnd::Failed(error) if may_fall_back && !has_text => {
                log_fallback(&error);
                outcome = self.fall_back(Usage::default()).await;
            }
            ChatEnd::Failed(error) => {
                tracing::warn!(%error, has_text, "chat model failed");
                outcome.failure = Some(failure(&error));
            }
        }
        outcome
    }

    async fn fall_back(&self, usage: Usage) -> AnswerOutcome {
        AnswerOutcome {
            usage,
            model_called: true,
            ..self.extractive(true).await
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

    fn start_chat(&self, permit: BulkheadPermit) -> StartingChat {
        let nonce = self.id.as_uuid().simple().to_string();
        let messages = prompt::messages(
            self.question.question.as_str(),
            &self.question.history,
            self.passages.iter().map(|found| &found.source),
            &nonce,
        );
        let (ollama, model) = (self.app.ollama.clone(), self.app.chat_model.clone());
        tokio::spawn(async move {
            let started = ollama.chat(&model, &messages).await;
            if let Err(error) = &started {
                permit.report(Some(error));
            }
            (permit, started)
        })
    }

    /// Relays the model's text. Returning drops the stream, which stops the model.
    async fn relay(
        &self,
        permit: BulkheadPermit,
        may_fall_back: bool,
        text: &mut CheckedText,
        has_text: &mut bool,
    ) -> ChatEnd {
        let begun = Instant::now();
        let deadline = Instant::from_std(self.started) + FIRST_SENTENCE_TIMEOUT;
        let mut deadline = Box::pin(tokio::time::sleep_until(deadline));
        let mut starting = self.start_chat(permit);
        let (permit, started) = tokio::select! {
            () = self.stop_requested() => {
                starting.abort();
                return ChatEnd::Stopped;
            }
            () = &mut deadline, if may_fall_back => return ChatEnd::TooSlow,
            joined = &mut starting => match joined {
                Ok(joined) => joined,
                Err(_) => return ChatEnd::Failed(OllamaError::Truncated),
            },
        };
        let mut stream = match started {
            Ok(stream) => stream,
            Err(error) => return ChatEnd::Failed(error),
        };
        loop {
            let is_awaited = may_fall_back && !*has_text;
            let event = match self
                .next_event(&mut stream, &mut deadline, is_awaited)
                .await
            {
                Ok(event) => event,
                Err(end) => {
                    if let ChatEnd::Failed(error) = &end {
                        permit.report(Some(error));
                    }
                    return end;
                }
            };
            let shown = match &event {
                ChatEvent::Delta(delta) => text.push(delta),
                ChatEvent::Done { is_truncated, .. } => text.finish(*is_truncated),
            };
            count_stopped(text);
            if !*has_text && !shown.is_empty() {
                *has_text = true;
                let seconds = begun.elapsed().as_secs_f64();
                metrics::histogram!("ai_engine_first_token_seconds").record(seconds);
            }
            if !self.send_text(shown).await {
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

fn failure(error: &OllamaError) -> Failure {
    let message = match error {
        OllamaError::Truncated | OllamaError::ModelFailed(_) => {
            "the model stopped early; the text so far is incomplete"
        }
        OllamaError::Busy => "the model is overloaded; try again shortly",
        OllamaError::TooLong => "the question and its conversation are too long for the model",
        _ => "the model did not respond; try again shortly",
    };
    Failure {
        code: error.answer_failure(),
        message: message.to_owned(),
    }
}
