//! Makes answers: one at a time a conversation, in the order of its questions, for all sockets.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use shared_ai_client::client::Events;
use shared_ai_client::{AiError, AnswerEvent, Done, Question, Source, Turn, TurnRole};
use shared_models::text::MultiLine;
use tokio::time::{interval, sleep};
use uuid::Uuid;

use super::hub::Room;
use crate::domain::frame::{ErrorFrame, ServerFrame, SourceLine};
use crate::state::AppState;
use crate::store::conversations;
use crate::store::messages::{self, MessageRow};

/// Turns before the question that are sent along.
const HISTORY: i64 = 20;
/// Longest answer that is stored, characters.
const MAX_ANSWER: usize = 32_000;
/// Longest time for one answer.
const MAX_TIME: Duration = Duration::from_mins(3);
/// How often a waiting widget is told that the answer is still being made.
const STILL: Duration = Duration::from_secs(4);
/// How often the lease is renewed.
const RENEW: Duration = Duration::from_secs(10);
/// Time that another process gets beyond its lease.
const GRACE: Duration = Duration::from_millis(500);
/// What is not finished so long after the signal to stop is left to another replica.
const STOP_AFTER: Duration = Duration::from_secs(8);

/// Why there is no answer.
enum NoAnswer {
    /// Told to the visitor, who may ask again.
    Failed(Failed),
    /// This process stops; another takes over.
    Stopping,
    /// The conversation is no longer ours to answer in.
    TakenOver,
}

struct Failed {
    code: String,
    message: String,
}

/// An answer as it grows.
#[derive(Default)]
struct Draft {
    text: String,
    length: usize,
    sources: Vec<Source>,
}

/// Answers what is open in a conversation, in a task of its own: it goes on when the visitor's
/// connection does not.
pub(crate) fn wake(app: &AppState, room: Room) {
    let (app, tasks) = (app.clone(), app.tasks.clone());
    tasks.spawn(async move {
        if let Err(error) = answer_all(&app, room).await {
            tracing::error!(%error, "an answer was not made");
        }
    });
}

async fn answer_all(app: &AppState, room: Room) -> sqlx::Result<()> {
    let worker = Uuid::new_v4();
    while !app.stop.is_cancelled() {
        let mut tx = app.db.tenant(room.creator).await?;
        let turn = conversations::claim(&mut tx, room.conversation, worker).await?;
        let Some(turn) = turn else {
            let left = conversations::lease_left(&mut tx, room.conversation).await?;
            drop(tx);
            // Another process is at it. Should it die, its lease ends, and the question is ours.
            let Some(left) = left.filter(|_| !app.hub.is_answering(room)) else {
                return Ok(());
            };
            tokio::select! {
                () = app.stop.cancelled() => return Ok(()),
                () = sleep(left + GRACE) => continue,
            }
        };
        let before = messages::before(&mut tx, room.conversation, turn.seq, HISTORY).await?;
        tx.commit().await?;
        app.hub.start(room, turn.seq);
        let made = make(app, room, worker, &turn, &before).await;
        let settled = settle(app, room, worker, turn.seq, made).await;
        app.hub.end(room);
        if settled.is_err() {
            let failed = Failed::new(
                "dependency_unavailable",
                "postgres does not answer; try again shortly",
            );
            app.hub.failed(room, turn.seq, &failed.frame(turn.seq));
        }
        settled?;
    }
    Ok(())
}

/// Asks, and passes on what comes, until the answer is whole.
async fn make(
    app: &AppState,
    room: Room,
    worker: Uuid,
    turn: &conversations::Turn,
    before: &[MessageRow],
) -> Result<(Draft, Done), NoAnswer> {
    let started = Instant::now();
    let asking = async {
        let mut events = ask(app, room, turn, before).await?;
        let mut draft = Draft::default();
        loop {
            match events.next().await {
                Some(Ok(AnswerEvent::Done(done))) => return Ok((draft, done)),
                Some(event) => draft.take(
                    app,
                    room,
                    turn.seq,
                    event.map_err(|error| of_client(&error))?,
                )?,
                None => return Err(broken()),
            }
        }
    };
    let mut asking = std::pin::pin!(asking);
    let mut stopping = std::pin::pin!(async {
        app.stop.cancelled().await;
        sleep(STOP_AFTER).await;
    });
    let (mut still, mut renew) = (interval(STILL), interval(RENEW));
    still.reset();
    renew.reset();
    loop {
        tokio::select! {
            made = &mut asking => return made.map_err(NoAnswer::Failed),
            () = &mut stopping => return Err(NoAnswer::Stopping),
            _ = still.tick() => app.hub.still(room),
            _ = renew.tick() => {
                if started.elapsed() > MAX_TIME {
                    return Err(NoAnswer::Failed(Failed::new("answer_timeout",
                        "the answer took too long")));
                }
                if !keep(app, room, worker).await {
                    return Err(NoAnswer::TakenOver);
                }
            }
        }
    }
}

async fn ask(
    app: &AppState,
    room: Room,
    turn: &conversations::Turn,
    before: &[MessageRow],
) -> Result<Events<AnswerEvent>, Failed> {
    let refused = || Failed::new("internal", "the question could not be asked");
    let question = Question {
        question: spoken(&turn.content, 4000).ok_or_else(refused)?,
        mode: turn.mode,
        history: before.iter().filter_map(history_turn).collect(),
        passages: None,
    };
    app.ai
        .answer(room.creator, &question)
        .await
        .map_err(|error| of_client(&error))
}

impl Draft {
    fn take(
        &mut self,
        app: &AppState,
        room: Room,
        reply_to: i64,
        event: AnswerEvent,
    ) -> Result<(), Failed> {
        match event {
            AnswerEvent::Sources(sources) => {
                let lines: Vec<_> = sources.iter().map(|s| SourceLine::of(s, &[])).collect();
                app.hub.sources(room, reply_to, &lines);
                self.sources = sources;
            }
            AnswerEvent::Token(token) => {
                self.length += token.text.chars().count();
                if self.length > MAX_ANSWER {
                    return Err(Failed::new("answer_too_long", "the answer grew too long"));
                }
                self.text.push_str(&token.text);
                app.hub.delta(room, reply_to, &token.text);
            }
            AnswerEvent::Error(failure) => {
                return Err(Failed::new(&failure.code, &failure.message));
            }
            AnswerEvent::Done(_) => {}
        }
        Ok(())
    }
}

/// Stores the answer, or says why there is none; the lease ends either way.
async fn settle(
    app: &AppState,
    room: Room,
    worker: Uuid,
    reply_to: i64,
    made: Result<(Draft, Done), NoAnswer>,
) -> sqlx::Result<()> {
    let (outcome, failed) = match made {
        Ok((draft, done)) if !draft.text.trim().is_empty() => {
            store(app, room, worker, reply_to, &draft, &done).await?;
            ("answered", None)
        }
        Ok(_) => ("failed", Some(broken())),
        Err(NoAnswer::Failed(failed)) => ("failed", Some(failed)),
        Err(NoAnswer::TakenOver) => ("taken_over", None),
        Err(NoAnswer::Stopping) => {
            release(app, room, worker, None).await?;
            ("left", None)
        }
    };
    metrics::counter!("widget_answers_total", "outcome" => outcome).increment(1);
    if let Some(failed) = failed {
        release(app, room, worker, Some(reply_to)).await?;
        app.hub.end(room);
        app.hub.failed(room, reply_to, &failed.frame(reply_to));
    }
    Ok(())
}

/// The owner is checked again in the statement that takes the number: a person always wins.
async fn store(
    app: &AppState,
    room: Room,
    worker: Uuid,
    reply_to: i64,
    draft: &Draft,
    done: &Done,
) -> sqlx::Result<()> {
    let sources = draft.sources.iter();
    let sources: Vec<_> = sources
        .map(|s| SourceLine::of(s, &done.citations))
        .collect();
    let mut tx = app.db.tenant(room.creator).await?;
    let seq = conversations::finish(&mut tx, room.conversation, worker, reply_to).await?;
    let Some(seq) = seq else {
        return Ok(());
    };
    // PostgreSQL's text holds no NUL, and a model may write one.
    let content = draft.text.trim().replace('\0', "");
    let answer = messages::Answer {
        reply_to,
        content: &content,
        sources: &sources,
        done,
    };
    let row = messages::insert_answer(&mut tx, room.conversation, seq, answer).await?;
    tx.commit().await?;
    metrics::counter!("widget_messages_total", "role" => "assistant").increment(1);
    app.hub.end(room);
    app.hub.stored(room, &row);
    Ok(())
}

async fn release(
    app: &AppState,
    room: Room,
    worker: Uuid,
    given_up: Option<i64>,
) -> sqlx::Result<()> {
    let mut tx = app.db.tenant(room.creator).await?;
    conversations::release(&mut tx, room.conversation, worker, given_up).await?;
    tx.commit().await
}

/// A database that is away for a moment does not take the lease from us.
async fn keep(app: &AppState, room: Room, worker: Uuid) -> bool {
    let renewed = async {
        let mut tx = app.db.tenant(room.creator).await?;
        let kept = conversations::keep(&mut tx, room.conversation, worker).await?;
        tx.commit().await?;
        Ok::<_, sqlx::Error>(kept)
    };
    renewed.await.unwrap_or(true)
}

fn history_turn(message: &MessageRow) -> Option<Turn> {
    let role = if message.role == "assistant" {
        TurnRole::Assistant
    } else {
        TurnRole::User
    };
    let content = spoken(&message.content, 8000)?;
    Some(Turn { role, content })
}

/// Text as ai-engine accepts it: bounded, without control characters.
fn spoken<const MAX: usize>(text: &str, max: usize) -> Option<MultiLine<MAX>> {
    let plain = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let text: String = text.chars().filter(plain).take(max).collect();
    MultiLine::parse(&text).ok()
}

impl Failed {
    fn new(code: &str, message: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    fn frame(&self, reply_to: i64) -> ServerFrame<'_> {
        ServerFrame::Error(ErrorFrame {
            code: &self.code,
            message: &self.message,
            reply_to: Some(reply_to),
            ..ErrorFrame::default()
        })
    }
}

fn broken() -> Failed {
    Failed::new("answer_interrupted", "the answer broke off; ask again")
}

/// The words of a dependency stay in the log; the visitor learns its name.
fn of_client(error: &AiError) -> Failed {
    tracing::warn!(%error, "no answer");
    match error {
        AiError::Unavailable { .. } => Failed::new(
            "dependency_unavailable",
            "ai-engine does not answer; try again shortly",
        ),
        AiError::Refused { status: 429, .. } => Failed::new(
            "rate_limited",
            "too many questions at once; try again shortly",
        ),
        AiError::Refused { .. } => Failed::new("answer_refused", "the question was refused"),
        AiError::Stalled(_) | AiError::Malformed { .. } => broken(),
        AiError::NoToken(_) => Failed::new("internal", "the question could not be asked"),
    }
}
