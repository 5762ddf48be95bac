//! Writes generative answers: streams the chat model's text and checks its citations.

use std::time::Instant;

use shared_ai_client::answer::Failure;

use super::compose::AnswerWriter;
use super::{AnswerOutcome, log_fallback};
use crate::clients::ollama::bulkhead::BulkheadPermit;
use crate::clients::ollama::{ChatEvent, ChatStream, OllamaError};
use crate::domain::answer::citations::CitationFilter;
use crate::domain::answer::prompt;

/// What became of the chat model's stream.
struct RelayedChat {
    outcome: AnswerOutcome,
    /// Whether the caller has received text.
    has_text: bool,
    result: Result<(), OllamaError>,
}

impl AnswerWriter<'_> {
    pub(super) async fn generative(
        &self,
        permit: BulkheadPermit,
        may_fall_back: bool,
    ) -> AnswerOutcome {
        let nonce = self.id.as_uuid().simple().to_string();
        let messages = prompt::messages(
            self.question.question.as_str(),
            &self.question.history,
            self.passages.iter().map(|found| &found.source),
            &nonce,
        );
        let started = tokio::select! {
            () = self.events.closed() => {
                return AnswerOutcome {
                    generative: true,
                    ..AnswerOutcome::cancelled()
                };
            }
            started = self.app.ollama.chat(&self.app.chat_model, &messages) => started,
        };
        let RelayedChat {
            mut outcome,
            has_text,
            result,
        } = match started {
            Ok(stream) => self.relay(stream).await,
            Err(error) => RelayedChat {
                outcome: AnswerOutcome::default(),
                has_text: false,
                result: Err(error),
            },
        };
        permit.report(result.as_ref().err());
        match result {
            Ok(()) => {}
            Err(error) if may_fall_back && !has_text => {
                drop(permit);
                log_fallback(&error);
                return self.extractive(true).await;
            }
            Err(error) => {
                tracing::warn!(%error, has_text, "chat model failed");
                outcome.failure = Some(failure(&error));
            }
        }
        outcome.generative = true;
        outcome
    }

    /// Relays the model's text. Returning drops the stream, which stops the model.
    async fn relay(&self, mut stream: ChatStream) -> RelayedChat {
        let started = Instant::now();
        let mut filter = CitationFilter::new(self.passages.len());
        let mut outcome = AnswerOutcome::default();
        let mut has_text = false;
        let result = loop {
            let event = tokio::select! {
                () = self.events.closed() => {
                    outcome.cancelled = true;
                    break Ok(());
                }
                event = stream.next() => event,
            };
            match event {
                Ok(ChatEvent::Delta(text)) => {
                    if !has_text {
                        let seconds = started.elapsed().as_secs_f64();
                        metrics::histogram!("ai_engine_first_token_seconds").record(seconds);
                    }
                    has_text = true;
                    self.send_text(filter.push(&text)).await;
                }
                Ok(ChatEvent::Done(usage)) => {
                    outcome.usage = usage;
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
        };
        let (rest, citations) = filter.finish();
        self.send_text(rest).await;
        outcome.citations = citations;
        RelayedChat {
            outcome,
            has_text,
            result,
        }
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
