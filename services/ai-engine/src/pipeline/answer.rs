//! A question becomes an answer: what it rests on, then its words, then what it cost.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared_ai_client::answer::{Failure, Token};
use shared_ai_client::{AnswerEvent, AnswerMode, Done, Question, Source, Usage};
use shared_db::usage;
use shared_models::{CreatorId, GenerationId, UsageKind};
use tokio::sync::mpsc;

use crate::domain::citations::Citations;
use crate::domain::terms::{self, Language};
use crate::domain::{crisis, extract, prompt, wording};
use crate::error::Error;
use crate::gate::Pass;
use crate::ollama::{ChatEvent, ChatStream, OllamaError};
use crate::pipeline::retrieve::{Found, retrieve};
use crate::state::AppState;
use crate::store::generations::{self, GenerationRow};

/// Passages of an answer that asks for no number.
const PASSAGES: u8 = 4;
/// How long an answer waits for the chat model, where it must have it.
const PATIENT: Duration = Duration::from_secs(10);
/// How long it waits where quotations will do.
const IMPATIENT: Duration = Duration::from_secs(2);
/// A passage is quoted when it is nearly as near to the question as the best one.
const NEARLY: f32 = 0.8;

/// Where the events go; closed when the caller has left.
pub type Events = mpsc::Sender<AnswerEvent>;

/// An answer that is ready to begin: whatever can be refused has been decided.
#[derive(Debug)]
pub struct Prepared {
    creator: CreatorId,
    started: Instant,
    question: Question,
    language: Language,
    sources: Vec<Found>,
    way: Way,
}

/// How the words come about.
#[derive(Debug)]
enum Way {
    /// The platform's own words.
    Say(&'static str),
    /// Quotations.
    Quote { fell_back: bool },
    /// The chat model; quotations instead where `auto` allows and it fails before its first word.
    Generate { pass: Pass, auto: bool },
}

/// How it went.
#[derive(Debug, Default)]
struct Outcome {
    generative: bool,
    fell_back: bool,
    citations: Vec<u32>,
    usage: Usage,
    failure: Option<Failure>,
    cancelled: bool,
}

/// Finds what the answer rests on and decides how it is made; errors become a status here, before
/// the stream begins.
pub async fn prepare(
    app: &AppState,
    creator: CreatorId,
    question: Question,
) -> Result<Prepared, Error> {
    let started = Instant::now();
    let text = question.question.as_str();
    let language = terms::language(text);
    let (sources, way) = if crisis::detected(text) {
        metrics::counter!("ai_handovers_total").increment(1);
        (Vec::new(), Way::Say(wording::crisis(language)))
    } else {
        let limit = usize::from(question.passages.unwrap_or(PASSAGES));
        let sources = retrieve(app, creator, text, limit).await?;
        let way = match question.mode.unwrap_or(app.answer_mode) {
            _ if sources.is_empty() => Way::Say(wording::nothing_found(language)),
            AnswerMode::Extractive => Way::Quote { fell_back: false },
            AnswerMode::Generative => Way::Generate {
                pass: chat_model(app, PATIENT).await?,
                auto: false,
            },
            AnswerMode::Auto => match chat_model(app, IMPATIENT).await {
                Ok(pass) => Way::Generate { pass, auto: true },
                Err(error) => fallen_back(&error),
            },
        };
        (sources, way)
    };
    Ok(Prepared {
        creator,
        started,
        question,
        language,
        sources,
        way,
    })
}

fn fallen_back(cause: &dyn std::fmt::Display) -> Way {
    tracing::warn!(%cause, "the chat model is away: quotations instead");
    Way::Quote { fell_back: true }
}

/// A slot of the chat model, which is there.
async fn chat_model(app: &AppState, patience: Duration) -> Result<Pass, Error> {
    let pass = app.chat.enter(patience).await?;
    let model = &app.chat_model;
    let has = match app.ollama.has(model).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(OllamaError::NotFound(model.clone())),
        Err(error) => Err(error),
    };
    if has.is_err() {
        pass.report(&has);
    }
    has?;
    Ok(pass)
}

/// Makes the answer. Stores how it went before the last event, and also when the caller leaves.
pub async fn run(app: AppState, prepared: Prepared, events: Events) {
    let Prepared {
        creator,
        started,
        question,
        language,
        sources,
        way,
    } = prepared;
    let id = GenerationId::new();
    let plain: Vec<Source> = sources.iter().map(|found| found.source.clone()).collect();
    let begun = events.send(AnswerEvent::Sources(plain.clone())).await;
    let voice = Voice {
        app: &app,
        events: &events,
        question: &question,
        language,
        sources: &sources,
        plain: &plain,
        id,
    };
    let outcome = match way {
        _ if begun.is_err() => Outcome::cancelled(),
        Way::Say(words) => voice.say(words).await,
        Way::Quote { fell_back } => voice.quote(fell_back).await,
        Way::Generate { pass, auto } => voice.generate(pass, auto).await,
    };
    let row = record(id, &outcome, &app.chat_model, plain.len(), started);
    let labels = [
        ("mode", outcome.mode().as_str()),
        ("state", outcome.state()),
    ];
    metrics::counter!("ai_answers_total", &labels).increment(1);
    // The answer was given: a record that cannot be written must not take it back.
    if let Err(error) = store(&app, creator, &row).await {
        tracing::error!(%error, generation = %id, "an answer could not be recorded");
    }
    if let Some(last) = outcome.last_event(id) {
        let _ = events.send(last).await;
    }
}

async fn store(app: &AppState, creator: CreatorId, row: &GenerationRow) -> sqlx::Result<()> {
    let mut tx = app.db.tenant(creator).await?;
    generations::insert(&mut tx, row).await?;
    let used = [
        (UsageKind::Answers, 1),
        (UsageKind::PromptTokens, row.prompt_tokens.into()),
        (UsageKind::CompletionTokens, row.completion_tokens.into()),
    ];
    usage::record(&mut tx, &used).await?;
    tx.commit().await
}

/// What one answer speaks with.
struct Voice<'a> {
    app: &'a AppState,
    events: &'a Events,
    question: &'a Question,
    language: Language,
    sources: &'a [Found],
    plain: &'a [Source],
    id: GenerationId,
}

impl Voice<'_> {
    async fn say(&self, words: &str) -> Outcome {
        Outcome {
            cancelled: !self.token(words.to_owned()).await,
            ..Outcome::default()
        }
    }

    async fn quote(&self, fell_back: bool) -> Outcome {
        let best = self.sources.iter().find_map(|found| found.similarity);
        let near = |found: &&Found| match (found.similarity, best) {
            (Some(similarity), Some(best)) => similarity >= best * NEARLY,
            (similarity, best) => similarity.is_some() || best.is_none(),
        };
        let near = self.sources.iter().filter(near);
        let near: Vec<Source> = near.map(|found| found.source.clone()).collect();
        let question = self.question.question.as_str();
        let (pieces, citations) = extract::answer(&near, question, self.language);
        let mut outcome = Outcome {
            fell_back,
            citations,
            ..Outcome::default()
        };
        for piece in pieces {
            if !self.token(piece).await {
                outcome.cancelled = true;
                break;
            }
        }
        outcome
    }

    async fn generate(&self, pass: Pass, auto: bool) -> Outcome {
        let nonce = self.id.as_uuid().simple().to_string();
        let question = self.question.question.as_str();
        let history = &self.question.history;
        let messages = prompt::messages(question, history, self.plain, &nonce);
        let chat = self.app.ollama.chat(&self.app.chat_model, &messages);
        let stream = tokio::select! {
            () = self.events.closed() => {
                return Outcome {
                    generative: true,
                    ..Outcome::cancelled()
                };
            }
            stream = chat => stream,
        };
        let mut spoken = false;
        let (mut outcome, ended) = match stream {
            Ok(stream) => self.relay(stream, &mut spoken).await,
            Err(error) => (Outcome::default(), Err(error)),
        };
        pass.report(&ended);
        match ended {
            Ok(()) => {}
            Err(error) if auto && !spoken => {
                drop(pass);
                fallen_back(&error);
                return self.quote(true).await;
            }
            Err(error) => {
                tracing::warn!(%error, spoken, "the chat model failed");
                outcome.failure = Some(failure(&error));
            }
        }
        outcome.generative = true;
        outcome
    }

    /// Passes the model's words on. Dropping the stream, as when the caller leaves, stops it.
    async fn relay(
        &self,
        mut stream: ChatStream,
        spoken: &mut bool,
    ) -> (Outcome, Result<(), OllamaError>) {
        let started = Instant::now();
        let mut citations = Citations::of(self.plain.len());
        let mut outcome = Outcome::default();
        let ended = loop {
            let event = tokio::select! {
                () = self.events.closed() => {
                    outcome.cancelled = true;
                    break Ok(());
                }
                event = stream.next() => event,
            };
            match event {
                Ok(ChatEvent::Delta(text)) => {
                    if !*spoken {
                        let seconds = started.elapsed().as_secs_f64();
                        metrics::histogram!("ai_first_token_seconds").record(seconds);
                    }
                    *spoken = true;
                    self.token(citations.push(&text)).await;
                }
                Ok(ChatEvent::Done(usage)) => {
                    outcome.usage = usage;
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
        };
        let (rest, cited) = citations.finish();
        self.token(rest).await;
        outcome.citations = cited;
        (outcome, ended)
    }

    /// False when the caller has left.
    async fn token(&self, text: String) -> bool {
        if text.is_empty() {
            return true;
        }
        let token = AnswerEvent::Token(Token { text });
        self.events.send(token).await.is_ok()
    }
}

impl Outcome {
    fn cancelled() -> Self {
        Self {
            cancelled: true,
            ..Self::default()
        }
    }

    const fn state(&self) -> &'static str {
        match &self.failure {
            _ if self.cancelled => "cancelled",
            Some(_) => "failed",
            None => "completed",
        }
    }

    fn mode(&self) -> AnswerMode {
        if self.generative {
            AnswerMode::Generative
        } else {
            AnswerMode::Extractive
        }
    }

    fn last_event(self, id: GenerationId) -> Option<AnswerEvent> {
        let mode = self.mode();
        match self.failure {
            _ if self.cancelled => None,
            Some(failure) => Some(AnswerEvent::Error(failure)),
            None => Some(AnswerEvent::Done(Done {
                generation_id: id,
                mode,
                fell_back: self.fell_back,
                citations: self.citations,
                usage: self.usage,
            })),
        }
    }
}

fn failure(error: &OllamaError) -> Failure {
    let message = match error {
        OllamaError::Cut | OllamaError::Runner(_) => {
            "the model stopped before the end; the text so far is incomplete"
        }
        OllamaError::Busy => "the model has too much to do; try again shortly",
        OllamaError::TooLong => "the question and its conversation are too long for the model",
        _ => "the model did not answer; try again shortly",
    };
    Failure {
        code: error.code().to_owned(),
        message: message.to_owned(),
    }
}

fn record(
    id: GenerationId,
    outcome: &Outcome,
    model: &str,
    sources: usize,
    started: Instant,
) -> GenerationRow {
    let small = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let milliseconds = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
    GenerationRow {
        id,
        mode: outcome.mode().as_str().to_owned(),
        fell_back: outcome.fell_back,
        state: outcome.state().to_owned(),
        error_code: outcome.failure.as_ref().map(|failure| failure.code.clone()),
        model: outcome.generative.then(|| model.to_owned()),
        sources: i32::try_from(sources).unwrap_or(i32::MAX),
        citations: outcome.citations.iter().map(|n| small(*n)).collect(),
        prompt_tokens: small(outcome.usage.prompt_tokens),
        completion_tokens: small(outcome.usage.completion_tokens),
        milliseconds: small(milliseconds),
        created_at: Timestamp::now(),
    }
}
