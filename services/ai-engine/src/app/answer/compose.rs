//! Writes canned and extractive answers as events.

use std::time::Instant;

use shared_ai_client::answer::Token;
use shared_ai_client::{AnswerEvent, FellBackReason, Question, Source};
use shared_models::GenerationId;
use tokio::sync::mpsc;

use super::AnswerOutcome;
use super::cancellation::RunningAnswer;
use crate::app::index::search::RetrievedPassage;
use crate::domain::answer::citations;
use crate::domain::answer::extractive::{self, Quotations};
use crate::domain::answer::language::Language;
use crate::domain::answer::neighbours;
use crate::domain::answer::settings::AnswerSettings;
use crate::state::AppState;

/// A passage is quoted if its similarity is at least this part of the best passage's similarity.
const QUOTE_SIMILARITY_RATIO: f32 = 0.8;

/// Writes one answer to the channel of its events.
pub(super) struct AnswerWriter<'a> {
    pub(super) app: &'a AppState,
    pub(super) events: &'a mpsc::Sender<AnswerEvent>,
    pub(super) question: &'a Question,
    /// The question with what it leans on.
    pub(super) search_text: &'a str,
    pub(super) language: Language,
    pub(super) passages: &'a [RetrievedPassage],
    pub(super) settings: &'a AnswerSettings,
    pub(super) id: GenerationId,
    /// When the question came.
    pub(super) started: Instant,
    /// Tells when the answer is cancelled; only answers of the chat model can be.
    pub(super) running: Option<&'a RunningAnswer>,
}

impl AnswerWriter<'_> {
    /// Returns when the caller has closed the connection, or the answer was cancelled.
    pub(super) async fn stop_requested(&self) {
        let cancelled = async {
            match self.running {
                Some(running) => running.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.events.closed() => {}
            () = cancelled => {}
        }
    }

    pub(super) async fn canned(&self, text: &str) -> AnswerOutcome {
        AnswerOutcome {
            cancelled: !self.send_text(text.to_owned()).await,
            ..AnswerOutcome::default()
        }
    }

    /// The answer of the pair that is the only source, word for word.
    pub(super) async fn pair(&self) -> AnswerOutcome {
        let mut outcome = AnswerOutcome::default();
        for found in self.passages {
            // Numbers in brackets would be read as citations.
            let text = citations::escape(&found.source.text);
            outcome.cancelled |= !self.send_text(text).await;
            outcome.citations.push(found.source.number);
        }
        outcome
    }

    pub(super) async fn extractive(&self, fell_back: Option<FellBackReason>) -> AnswerOutcome {
        if let Some(reason) = fell_back {
            metrics::counter!("ai_engine_answers_fell_back_total", "reason" => reason.as_str())
                .increment(1);
        }
        let Quotations { pieces, citations } =
            extractive::quote(self.quotable(), self.search_text, self.language);
        let mut outcome = AnswerOutcome {
            fell_back,
            citations,
            ..AnswerOutcome::default()
        };
        for piece in pieces {
            if !self.send_text(piece).await {
                outcome.cancelled = true;
                break;
            }
        }
        outcome
    }

    /// The sources that are about as similar to the question as the best one, those that have its
    /// words, and what these need where they were cut.
    fn quotable(&self) -> impl Iterator<Item = &Source> {
        let best = self.passages.iter().find_map(|found| found.similarity);
        let is_near = move |found: &RetrievedPassage| match (found.similarity, best) {
            (Some(similarity), Some(best)) => similarity >= best * QUOTE_SIMILARITY_RATIO,
            _ => true,
        };
        let is_needed = move |other: &RetrievedPassage| {
            let mut near = self.passages.iter().filter(|found| is_near(found));
            near.any(|found| neighbours::needs(&found.source, &other.source))
        };
        self.passages
            .iter()
            .filter(move |found| is_near(found) || is_needed(found))
            .map(|found| &found.source)
    }

    /// False if the caller has closed the connection.
    pub(super) async fn send_text(&self, text: String) -> bool {
        if text.is_empty() {
            return true;
        }
        let token = AnswerEvent::Token(Token { text });
        // A caller that reads nothing must not keep an answer from being cancelled.
        tokio::select! {
            () = self.stop_requested() => false,
            sent = self.events.send(token) => sent.is_ok(),
        }
    }
}
