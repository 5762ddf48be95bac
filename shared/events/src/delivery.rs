//! One turn of a tenant: its next events are delivered to one subscription, in order.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use shared_db::{Db, TenantTx};
use shared_models::{Backoff, CreatorId, Event, Retry};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::{self, BacklogTurn, Batch, StoredEvent};
use crate::subscription::{ErasedSubscription, EventError, PublishedEvent};

/// Most events of a turn.
const MAX_EVENTS: i64 = 100;
/// A turn ends after this time, well before its lease expires.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// An event is set aside after so many failures.
const MAX_ATTEMPTS: i32 = 8;
/// An event is set aside when so many processes in a row have died at it.
const MAX_INTERRUPTIONS: i32 = 8;
/// Delays after failures that count.
const FAILURE_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(5));
/// Delays while something that the handler needs is unavailable.
const OUTAGE_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// What became of one event.
enum Delivered {
    /// The position has moved on.
    Yes,
    /// It is tried again after this time.
    Later(Duration),
    /// Another worker serves this tenant by now.
    Lost,
}

/// Serves the tenant that has waited longest; false when none waits.
pub(crate) async fn serve_next(
    db: &Db,
    subscription: &dyn ErasedSubscription,
    stop: &CancellationToken,
) -> sqlx::Result<bool> {
    let Some(turn) = store::claim(db, subscription.name()).await? else {
        return Ok(false);
    };
    let Some(batch) = store::read_batch(db, &turn, MAX_EVENTS).await? else {
        return Ok(true);
    };
    let delivery = Delivery {
        db,
        subscription,
        turn: &turn,
        started: Instant::now(),
    };
    delivery.deliver(batch, stop).await?;
    Ok(true)
}

struct Delivery<'a> {
    db: &'a Db,
    subscription: &'a dyn ErasedSubscription,
    turn: &'a BacklogTurn,
    started: Instant,
}

impl Delivery<'_> {
    async fn deliver(&self, batch: Batch, stop: &CancellationToken) -> sqlx::Result<()> {
        let is_full = i64::try_from(batch.events.len()) == Ok(MAX_EVENTS);
        let mut failures = Failures {
            attempts: batch.attempts,
            outages: batch.outages,
            interrupted: self.turn.interruptions >= MAX_INTERRUPTIONS,
        };
        let mut position = batch.position;
        let mut delivered = None;
        for event in batch.events {
            if stop.is_cancelled() || self.started.elapsed() > TURN_TIMEOUT {
                return self.release(Duration::ZERO, delivered).await;
            }
            match self.deliver_one(position, &event, failures).await? {
                Delivered::Yes => {}
                Delivered::Later(delay) => return self.release(delay, delivered).await,
                Delivered::Lost => return Ok(()),
            }
            position = event.position;
            delivered = Some(event.occurred_at);
            failures = Failures::default();
        }
        if is_full {
            return self.release(Duration::ZERO, delivered).await;
        }
        let mut tx = self.db.tenant(self.turn.tenant).await?;
        store::finish_turn(&mut tx, self.turn, batch.newest).await?;
        tx.commit().await
    }

    async fn release(&self, delay: Duration, delivered: Option<Timestamp>) -> sqlx::Result<()> {
        let mut tx = self.db.tenant(self.turn.tenant).await?;
        store::release(&mut tx, self.turn, delay, delivered).await?;
        tx.commit().await
    }

    async fn deliver_one(
        &self,
        position: i64,
        event: &StoredEvent,
        failures: Failures,
    ) -> sqlx::Result<Delivered> {
        if failures.interrupted {
            return self.fail(position, event, failures, &interrupted()).await;
        }
        let published = match decode(self.subscription, self.turn.tenant, event) {
            Ok(published) => published,
            Err(error) => return self.fail(position, event, failures, &error).await,
        };
        match self.handle(position, event, &published).await {
            Ok(true) => {
                let name = self.subscription.name();
                metrics::counter!("events_delivered_total", "subscription" => name).increment(1);
                Ok(Delivered::Yes)
            }
            Ok(false) => Ok(Delivered::Lost),
            Err(error) => self.fail(position, event, failures, &error).await,
        }
    }

    /// Handles an event and moves the position in one transaction; false when another worker has
    /// handled it.
    async fn handle(
        &self,
        position: i64,
        stored: &StoredEvent,
        event: &PublishedEvent,
    ) -> Result<bool, EventError> {
        let mut tx = self.db.tenant(self.turn.tenant).await?;
        if !store::advance(&mut tx, self.turn, position, stored.position).await? {
            return Ok(false);
        }
        handle_in(&mut tx, self.subscription, event).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Schedules another attempt, or sets the event aside and moves on.
    async fn fail(
        &self,
        position: i64,
        event: &StoredEvent,
        failures: Failures,
        error: &EventError,
    ) -> sqlx::Result<Delivered> {
        let subscription = self.subscription.name();
        let mut tx = self.db.tenant(self.turn.tenant).await?;
        let attempts = failures.attempts + 1;
        if let Some(delay) = failures.backoff(error.retry) {
            let is_outage = error.retry == Retry::UntilAvailable;
            store::count_failure(&mut tx, self.turn, position, is_outage).await?;
            tx.commit().await?;
            tracing::warn!(
                subscription, event = %event.id, event_type = event.name, attempts, %error,
                "event not handled; will retry"
            );
            return Ok(Delivered::Later(delay));
        }
        if !store::advance(&mut tx, self.turn, position, event.position).await? {
            return Ok(Delivered::Lost);
        }
        store::set_aside(&mut tx, self.turn, event, error, attempts).await?;
        tx.commit().await?;
        metrics::counter!("events_set_aside_total", "subscription" => subscription).increment(1);
        tracing::error!(
            subscription, event = %event.id, event_type = event.name, attempts, %error,
            "event set aside: it could not be handled"
        );
        Ok(Delivered::Yes)
    }
}

fn decode(
    subscription: &dyn ErasedSubscription,
    tenant: CreatorId,
    stored: &StoredEvent,
) -> Result<PublishedEvent, EventError> {
    let event = Event::decode(&stored.name, stored.version, stored.payload.clone());
    // Limited, not never: during an upgrade a replica of a newer version can read it.
    let unreadable = |reason: String| EventError::new("unreadable_event", reason, Retry::Limited);
    let event = event.map_err(|error| unreadable(error.to_string()))?;
    if !subscription.types().contains(&event.event_type()) {
        let reason = "this version of the subscription does not handle this type of event";
        return Err(unreadable(reason.to_owned()));
    }
    Ok(PublishedEvent {
        tenant,
        id: stored.id,
        position: stored.position,
        source: stored.source.clone(),
        occurred_at: stored.occurred_at,
        event,
    })
}

async fn handle_in(
    tx: &mut TenantTx,
    subscription: &dyn ErasedSubscription,
    event: &PublishedEvent,
) -> Result<(), EventError> {
    // A panic must not end the worker: it would meet the same event again.
    let handling = AssertUnwindSafe(subscription.handle(tx, event)).catch_unwind();
    match tokio::time::timeout(subscription.timeout(), handling).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(panicked()),
        Err(_) => Err(timed_out()),
    }
}

/// Delivers an event that was set aside; false when it is not, or no longer. If that fails again,
/// it stays set aside.
pub(crate) async fn redeliver(
    db: &Db,
    subscription: &dyn ErasedSubscription,
    tenant: CreatorId,
    event: Uuid,
) -> Result<bool, EventError> {
    let mut tx = db.tenant(tenant).await?;
    let Some(stored) = store::take_failure(&mut tx, subscription.name(), event).await? else {
        return Ok(false);
    };
    let published = decode(subscription, tenant, &stored)?;
    handle_in(&mut tx, subscription, &published).await?;
    tx.commit().await?;
    Ok(true)
}

/// What happened at the next event so far.
#[derive(Debug, Clone, Copy, Default)]
struct Failures {
    attempts: i32,
    outages: i32,
    interrupted: bool,
}

impl Failures {
    /// The delay before the next attempt; none when there is no further one.
    fn backoff(self, retry: Retry) -> Option<Duration> {
        match retry {
            Retry::UntilAvailable => Some(OUTAGE_BACKOFF.after(self.outages + 1)),
            Retry::Limited if self.attempts + 1 < MAX_ATTEMPTS => {
                Some(FAILURE_BACKOFF.after(self.attempts + 1))
            }
            Retry::Limited | Retry::Never => None,
        }
    }
}

fn interrupted() -> EventError {
    let reason = "the processes that handled this event have died";
    EventError::new("interrupted", reason, Retry::Never)
}

fn timed_out() -> EventError {
    EventError::new("timed_out", "handling took too long", Retry::Limited)
}

fn panicked() -> EventError {
    EventError::new("internal", "the handler panicked", Retry::Limited)
}
