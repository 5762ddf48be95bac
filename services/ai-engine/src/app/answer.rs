//! Answers a question: retrieves passages, decides how to answer, streams the answer, records it.

pub(crate) mod cancellation;
mod compose;
mod disclosure;
pub(crate) mod event_log;
mod generate;
pub(crate) mod generations;
pub(crate) mod pairs;
mod policies;
mod strategy;

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Instant;

use shared_ai_client::answer::Failure;
use shared_ai_client::{
    AnswerEvent, AnswerFailure, AppliedPolicy, Done, FellBackReason, Question, Source, SourceKind,
    Usage,
};
use shared_models::{ChunkId, CreatorId, GenerationId, VisitorId};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::app::index::search::{RetrievedPassage, Wanted, retrieve, with_neighbours};
use crate::app::settings;
use crate::clients::bulkhead::BulkheadPermit;
use crate::clients::model_servers::AnsweredBy;
use crate::domain::answer::answerability::Evidence;
use crate::domain::answer::canned_replies::replies;
use crate::domain::answer::language::Language;
use crate::domain::answer::settings::AnswerSettings;
use crate::domain::answer::{answerability, conversation, small_talk};
use crate::domain::caller::Caller;
use crate::domain::index::scope::Scope;
use crate::error::Error;
use crate::state::AppState;
use crate::store::generations::{GenerationMode, GenerationState};
use cancellation::RunningAnswer;
use compose::AnswerWriter;
use disclosure::Reservation;
use event_log::EventLog;

/// Passages of a question that sets no number.
const DEFAULT_PASSAGES: usize = 4;
/// Events that a slow reader may be behind; then the model waits.
const MAX_BUFFERED_EVENTS: usize = 32;

/// An answer for which everything that can be refused has been decided.
#[derive(Debug)]
struct PreparedAnswer {
    tenant: CreatorId,
    started: Instant,
    question: Question,
    /// The question with what it leans on.
    search_text: String,
    language: Language,
    passages: Vec<RetrievedPassage>,
    /// Of a visitor's question.
    reservation: Option<Reservation>,
    strategy: Strategy,
    settings: AnswerSettings,
    /// The policy that decided the answer.
    policy: Option<AppliedPolicy>,
}

/// How the answer is made.
#[derive(Debug)]
enum Strategy {
    /// A text of the platform, or of a policy of the tenant.
    Canned(Cow<'static, str>),
    /// The answer of a question-and-answer pair, word for word.
    Pair,
    /// Quotations of the passages.
    Extractive { fell_back: Option<FellBackReason> },
    /// A text of the chat model. It becomes extractive if nothing of it is supported by the
    /// sources, and with `may_fall_back` also if the model fails or no sentence is there in time.
    Generative {
        permit: BulkheadPermit,
        may_fall_back: bool,
    },
}

/// How an answer ended.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
struct AnswerOutcome {
    generative: bool,
    fell_back: Option<FellBackReason>,
    model_called: bool,
    /// The server that was asked and answered something.
    answered_by: Option<AnsweredBy>,
    /// Whether the model reached the limit of its answer's length.
    truncated: bool,
    citations: Vec<u32>,
    usage: Usage,
    failure: Option<Failure>,
    cancelled: bool,
    policy: Option<AppliedPolicy>,
}

/// An answer whose events follow.
#[derive(Debug)]
pub(crate) struct StartedAnswer {
    /// The id of its record, by which it can be cancelled.
    pub(crate) id: GenerationId,
    /// The model stops when this is dropped, unless the answer can be resumed.
    pub(crate) events: mpsc::Receiver<AnswerEvent>,
}

/// Answers a question. An error is returned before the first event, so it can become the status of
/// the response.
pub(crate) async fn start(
    app: AppState,
    tenant: CreatorId,
    visitor: Option<VisitorId>,
    question: Question,
) -> Result<StartedAnswer, Error> {
    let prepared = prepare(&app, tenant, visitor, question).await?;
    let id = GenerationId::new();
    let running = match prepared.strategy {
        Strategy::Generative { .. } => Some(RunningAnswer::register(&app, tenant, id).await),
        // These end within milliseconds.
        Strategy::Canned(_) | Strategy::Pair | Strategy::Extractive { .. } => None,
    };
    let log = if prepared.question.resumable {
        Some(EventLog::begin(&app, tenant, id).await?)
    } else {
        None
    };
    let (sender, mut events) = mpsc::channel(MAX_BUFFERED_EVENTS);
    if let Some(log) = log {
        events = log.keep(events);
    }
    // A separate task writes the record even after the caller has closed the connection.
    tokio::spawn(run(app, id, prepared, running, sender).in_current_span());
    Ok(StartedAnswer { id, events })
}

async fn prepare(
    app: &AppState,
    tenant: CreatorId,
    visitor: Option<VisitorId>,
    question: Question,
) -> Result<PreparedAnswer, Error> {
    let started = Instant::now();
    let text = question.question.as_str();
    let language = Language::detect(text);
    let search_text = conversation::search_text(text, &question.history);
    let scope = Scope {
        is_visitor: visitor.is_some(),
        collections: question.collections.clone(),
    };
    let settings = settings::current(app, tenant).await?;
    let canned = |text: &'static str| (AdmittedPassages::default(), Strategy::Canned(text.into()));
    let paired = |pair| (AdmittedPassages::of_pair(pair), Strategy::Pair);
    let mut policy = None;
    let (found, strategy) = if let Some(decision) = policies::decide(text, language, &settings) {
        policy = Some(decision.policy);
        (
            AdmittedPassages::default(),
            Strategy::Canned(decision.reply.into()),
        )
    } else if let Some(pair) = pairs::with_question(app, tenant, &scope, text).await? {
        paired(pair)
    } else if let Some(kind) = small_talk::detect(text) {
        canned(replies(language).small_talk(kind))
    } else if let Some(pair) = pairs::with_meaning(app, tenant, &scope, &search_text).await? {
        paired(pair)
    } else {
        let wanted = wanted(&question, &settings);
        let asked = (text, search_text.as_str());
        let found = find(app, tenant, visitor, &scope, asked, wanted).await?;
        let mode = question.mode.or(settings.mode).unwrap_or(app.answer_mode);
        let strategy = match (found.passages.is_empty(), found.is_exhausted) {
            (false, _) => {
                let caller = Caller::asking(tenant, visitor.is_some());
                strategy::choose(app, caller, mode).await?
            }
            (true, true) => Strategy::Canned(replies(language).shown_enough.into()),
            (true, false) => Strategy::Canned(replies(language).nothing_found.into()),
        };
        (found, strategy)
    };
    Ok(PreparedAnswer {
        tenant,
        started,
        question,
        search_text,
        language,
        passages: found.passages,
        reservation: found.reservation,
        strategy,
        settings,
        policy,
    })
}

fn wanted(question: &Question, settings: &AnswerSettings) -> Wanted {
    let passages = question.passages.or(settings.passages);
    Wanted {
        limit: passages.map_or(DEFAULT_PASSAGES, usize::from),
        relevance: settings.relevance,
    }
}

/// What an answer is made of.
#[derive(Debug, Default)]
struct AdmittedPassages {
    passages: Vec<RetrievedPassage>,
    reservation: Option<Reservation>,
    /// Whether there were passages, but the visitor was shown as much of their documents as one
    /// visitor may be.
    is_exhausted: bool,
}

impl AdmittedPassages {
    fn of_pair(pair: RetrievedPassage) -> Self {
        Self {
            passages: vec![pair],
            ..Self::default()
        }
    }
}

/// Finds the passages that answer a question and that its asker may be shown.
async fn find(
    app: &AppState,
    tenant: CreatorId,
    visitor: Option<VisitorId>,
    scope: &Scope,
    (question, search_text): (&str, &str),
    wanted: Wanted,
) -> Result<AdmittedPassages, Error> {
    let mut passages = retrieve(app, tenant, scope, search_text, wanted)
        .await?
        .passages;
    if !answer(question, &passages) {
        metrics::counter!("ai_engine_passages_without_answer_total").increment(1);
        passages.clear();
    }
    let passages = with_neighbours(app, tenant, scope, passages, wanted.limit).await?;
    let Some(visitor) = visitor.filter(|_| !passages.is_empty()) else {
        return Ok(AdmittedPassages {
            passages,
            ..AdmittedPassages::default()
        });
    };
    let (passages, reservation) = disclosure::reserve(app, tenant, visitor, passages).await?;
    if passages.is_empty() {
        metrics::counter!("ai_engine_answers_beyond_bound_total").increment(1);
    }
    Ok(AdmittedPassages {
        is_exhausted: passages.is_empty(),
        passages,
        reservation: Some(reservation),
    })
}

/// Whether the passages answer the question, and do not only resemble it.
fn answer(question: &str, passages: &[RetrievedPassage]) -> bool {
    let evidence: Vec<Evidence<'_>> = passages
        .iter()
        .map(|found| Evidence {
            document: found.source.document_id.as_uuid().as_u128(),
            title: &found.source.title,
            // What the question of a pair says, its answer need not repeat.
            heading: match found.source.kind {
                SourceKind::Document => found.source.heading.as_deref(),
                SourceKind::QaPair => Some(&found.source.title),
            },
            text: &found.source.text,
            nearness: found.nearness,
        })
        .collect();
    answerability::is_answered(question, &evidence)
}

/// Streams the answer. Records it before the last event, and also if the caller leaves.
async fn run(
    app: AppState,
    id: GenerationId,
    prepared: PreparedAnswer,
    running: Option<RunningAnswer>,
    events: mpsc::Sender<AnswerEvent>,
) {
    let PreparedAnswer {
        tenant,
        started,
        question,
        search_text,
        language,
        passages,
        reservation,
        strategy,
        settings,
        policy,
    } = prepared;
    let sources: Vec<Source> = passages.iter().map(|found| found.source.clone()).collect();
    let is_started = events.send(AnswerEvent::Sources(sources)).await.is_ok();
    let writer = AnswerWriter {
        app: &app,
        events: &events,
        question: &question,
        search_text: &search_text,
        language,
        passages: &passages,
        settings: &settings,
        id,
        started,
        running: running.as_ref(),
    };
    let mut outcome = match strategy {
        _ if !is_started => AnswerOutcome::cancelled(),
        Strategy::Canned(text) => writer.canned(&text).await,
        Strategy::Pair => writer.pair().await,
        Strategy::Extractive { fell_back } => writer.extractive(fell_back).await,
        Strategy::Generative {
            permit,
            may_fall_back,
        } => writer.generative(permit, may_fall_back).await,
    };
    outcome.policy = policy;
    let row = generations::row(id, &outcome, &app.chat_model, passages.len(), started);
    let labels = [("mode", row.mode.as_str()), ("state", row.state.as_str())];
    metrics::counter!("ai_engine_answers_total", &labels).increment(1);
    // The caller already has the answer, so a failure to record it does not fail the answer.
    if let Err(error) = generations::record(&app, tenant, &row).await {
        tracing::error!(%error, generation = %id, "answer not recorded");
    }
    if let Some(reservation) = reservation {
        let cited = outcome.cited(&passages);
        // What is not given back counts as shown.
        if let Err(error) = reservation.release_uncited(&app, tenant, &cited).await {
            tracing::warn!(%error, generation = %id, "passages that were not cited stay reserved");
        }
    }
    if let Some(running) = running {
        running.end().await;
    }
    // A caller that has left does not learn how it ended.
    let _ = events.send(outcome.into_last_event(id)).await;
}

impl AnswerOutcome {
    fn cancelled() -> Self {
        Self {
            cancelled: true,
            ..Self::default()
        }
    }

    /// The passages that the answer cites.
    fn cited(&self, passages: &[RetrievedPassage]) -> HashSet<ChunkId> {
        let sources = passages.iter().map(|found| &found.source);
        sources
            .filter(|source| self.citations.contains(&source.number))
            .map(|source| source.chunk_id)
            .collect()
    }

    const fn mode(&self) -> GenerationMode {
        if self.generative {
            GenerationMode::Generative
        } else {
            GenerationMode::Extractive
        }
    }

    const fn state(&self) -> GenerationState {
        match &self.failure {
            _ if self.cancelled => GenerationState::Cancelled,
            Some(_) => GenerationState::Failed,
            None => GenerationState::Completed,
        }
    }

    fn into_last_event(self, id: GenerationId) -> AnswerEvent {
        let mode = self.mode().into();
        match self.failure {
            _ if self.cancelled => AnswerEvent::Error(Failure {
                code: AnswerFailure::Cancelled,
                message: "the answer was cancelled; the text so far is incomplete".to_owned(),
            }),
            Some(failure) => AnswerEvent::Error(failure),
            None => {
                let by = self.answered_by;
                let fallback_reason = by.as_ref().and_then(|by| by.fallback);
                let (server, model) = by.map(|by| (by.server, by.model)).unzip();
                AnswerEvent::Done(Done {
                    generation_id: id,
                    mode,
                    fell_back: self.fell_back.is_some(),
                    fell_back_reason: self.fell_back,
                    truncated: self.truncated,
                    citations: self.citations,
                    usage: self.usage,
                    server,
                    model,
                    fallback: fallback_reason.is_some(),
                    fallback_reason,
                    policy: self.policy,
                })
            }
        }
    }
}
