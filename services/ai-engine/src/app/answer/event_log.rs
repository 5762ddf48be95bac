//! Keeps the events of a resumable answer in Redis, so that a caller who lost the connection can
//! read on from any replica.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{RedisResult, Script};
use shared_ai_client::answer::Failure;
use shared_ai_client::{AnswerEvent, AnswerFailure};
use shared_cache::{Cache, Key};
use shared_models::{CreatorId, GenerationId};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use super::{MAX_BUFFERED_EVENTS, generations};
use crate::error::Error;
use crate::state::AppState;

/// How long events are kept after the last one. They expire by themselves when a replica crashes.
const KEPT_TTL: Duration = Duration::from_mins(2);
/// How often the events of an answer that writes nothing are kept from expiring: a model may take
/// minutes to load.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);
/// How often a resumed stream looks for new events.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Longest wait for a caller to read an event. The answer goes on without a caller, who can resume.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Appends events, and lets the list expire after `ARGV[1]` milliseconds.
static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for i = 2, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
         redis.call('PEXPIRE', KEYS[1], ARGV[1])",
    )
});
/// The number of the last event, that event, and the events after number `ARGV[1]`. Nothing if none
/// are kept.
static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local length = redis.call('LLEN', KEYS[1])
         if length == 0 then return false end
         local last = redis.call('LINDEX', KEYS[1], -1)
         return {length - 1, last, redis.call('LRANGE', KEYS[1], ARGV[1] + 1, -1)}",
    )
});

/// The events of one answer.
#[derive(Debug, Clone)]
pub(super) struct EventLog {
    cache: Cache,
    key: Key,
    id: GenerationId,
}

/// An event and its number in the answer, from 1.
#[derive(Debug)]
pub(crate) struct NumberedEvent {
    pub(crate) number: usize,
    pub(crate) event: AnswerEvent,
}

/// What is kept of an answer.
struct KeptEvents {
    last_number: usize,
    has_ended: bool,
    /// The events after the one that was asked for.
    new: Vec<AnswerEvent>,
}

impl EventLog {
    fn of(app: &AppState, tenant: CreatorId, id: GenerationId) -> Self {
        Self {
            cache: app.cache.clone(),
            key: Key::answer_events(tenant, id),
            id,
        }
    }

    /// Begins to keep the events of an answer. Without Redis there is no answer: the caller asked
    /// for one that can be resumed.
    pub(super) async fn begin(
        app: &AppState,
        tenant: CreatorId,
        id: GenerationId,
    ) -> Result<Self, Error> {
        let log = Self::of(app, tenant, id);
        // An entry at number 0, so that an answer without events is known, and events begin at 1.
        log.append(Some(String::new()))
            .await
            .map_err(Error::Cache)?;
        Ok(log)
    }

    /// Keeps each event and passes it on to the caller. Goes on when the caller has left.
    pub(super) fn keep(self, events: mpsc::Receiver<AnswerEvent>) -> mpsc::Receiver<AnswerEvent> {
        let (caller, passed_on) = mpsc::channel(MAX_BUFFERED_EVENTS);
        tokio::spawn(self.keep_all(events, caller).in_current_span());
        passed_on
    }

    async fn keep_all(
        self,
        mut events: mpsc::Receiver<AnswerEvent>,
        caller: mpsc::Sender<AnswerEvent>,
    ) {
        let (mut is_kept, mut caller) = (true, Some(caller));
        loop {
            let event = match timeout(REFRESH_INTERVAL, events.recv()).await {
                Ok(Some(event)) => Some(event),
                Ok(None) => return,
                Err(_) => None,
            };
            // After a gap, the numbers would be wrong: what is kept stays the beginning.
            if is_kept && let Err(error) = self.append(event.as_ref().map(to_json)).await {
                tracing::warn!(%error, generation = %self.id, "answer can no longer be resumed");
                is_kept = false;
            }
            if let (Some(event), Some(sender)) = (event, &caller)
                && !matches!(timeout(SEND_TIMEOUT, sender.send(event)).await, Ok(Ok(())))
            {
                caller = None;
            }
        }
    }

    async fn append(&self, event: Option<String>) -> RedisResult<()> {
        let mut arguments = vec![KEPT_TTL.as_millis().to_string()];
        arguments.extend(event);
        let keys = std::slice::from_ref(&self.key);
        self.cache.run_script(&APPEND, keys, &arguments).await
    }

    async fn read(&self, after: usize) -> RedisResult<Option<KeptEvents>> {
        let keys = std::slice::from_ref(&self.key);
        let arguments = [after.to_string()];
        let kept: Option<(usize, String, Vec<String>)> =
            self.cache.run_script(&READ, keys, &arguments).await?;
        Ok(kept.map(|(last_number, last, new)| KeptEvents {
            last_number,
            has_ended: parse(&last).is_some_and(|event| is_last(&event)),
            new: new.iter().filter_map(|text| parse(text)).collect(),
        }))
    }

    /// Sends the events after that one, and those that follow, to their caller.
    async fn follow(
        self,
        mut after: usize,
        mut kept: KeptEvents,
        caller: mpsc::Sender<NumberedEvent>,
    ) {
        loop {
            for event in kept.new {
                after += 1;
                let number = after;
                if caller.send(NumberedEvent { number, event }).await.is_err() {
                    return;
                }
            }
            if kept.has_ended {
                return;
            }
            tokio::select! {
                () = sleep(POLL_INTERVAL) => {}
                () = caller.closed() => return,
            }
            kept = match self.read(after).await {
                Ok(Some(kept)) => kept,
                Ok(None) => {
                    let event = cut_off(AnswerFailure::StreamCut);
                    let number = after + 1;
                    let _ = caller.send(NumberedEvent { number, event }).await;
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, generation = %self.id, "answer not resumed");
                    // Without the last event, the caller knows that it has to resume again.
                    return;
                }
            };
        }
    }
}

/// Reads on after an event of an answer that was asked for with `resumable`.
pub(crate) async fn resume(
    app: &AppState,
    tenant: CreatorId,
    id: GenerationId,
    after: usize,
) -> Result<mpsc::Receiver<NumberedEvent>, Error> {
    let log = EventLog::of(app, tenant, id);
    let Some(kept) = log.read(after).await.map_err(Error::Cache)? else {
        // Says first whether there is such an answer.
        generations::read(app, tenant, id).await?;
        return Err(Error::EventsExpired);
    };
    if after > kept.last_number {
        return Err(Error::InvalidField {
            field: "Last-Event-ID",
            message: "must be the number of an event of this answer",
        });
    }
    let (caller, events) = mpsc::channel(MAX_BUFFERED_EVENTS);
    tokio::spawn(log.follow(after, kept, caller).in_current_span());
    Ok(events)
}

fn to_json(event: &AnswerEvent) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

fn parse(text: &str) -> Option<AnswerEvent> {
    serde_json::from_str(text).ok()
}

const fn is_last(event: &AnswerEvent) -> bool {
    matches!(event, AnswerEvent::Done(_) | AnswerEvent::Error(_))
}

fn cut_off(code: AnswerFailure) -> AnswerEvent {
    AnswerEvent::Error(Failure {
        code,
        message: "the answer was interrupted; the text so far is incomplete".to_owned(),
    })
}
