//! The trait that a subscriber of events implements, and how handling an event can fail.

use std::future::Future;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use shared_db::TenantTx;
use shared_models::{CreatorId, Event, EventType, Retry};
use uuid::Uuid;

/// A feature that follows events of every tenant.
pub trait Subscription: Send + Sync + 'static {
    /// The name within the service: lower-case letters and underscores. It is stored with the
    /// positions, so another name is another subscription.
    const NAME: &'static str;
    /// The types that it handles. A type that is added later is delivered from then on.
    const TYPES: &'static [EventType];
    /// Where it begins when it is registered for the first time.
    const START: Start;
    /// Longest handling of one event; it then fails and may be repeated. The database ends
    /// transactions that are idle for 10 seconds.
    const TIMEOUT: Duration = Duration::from_secs(5);

    /// Handles one event. What it writes in `tx` is committed together with the subscription's
    /// position, and rolled back when it fails; whatever else it does may happen again.
    fn handle(
        &self,
        tx: &mut TenantTx,
        event: &PublishedEvent,
    ) -> impl Future<Output = Result<(), EventError>> + Send;
}

/// Where a new subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest events that are still kept.
    Beginning,
    /// With the first event that is committed after its registration.
    Now,
}

/// An event as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedEvent {
    /// The tenant.
    pub tenant: CreatorId,
    /// The id of the event, for effects outside of the transaction that must not happen twice.
    pub id: Uuid,
    /// Its place among the events of the tenant, from 1 and without gaps.
    pub position: i64,
    /// The database role of the service that published it.
    pub source: String,
    /// When it was published.
    pub occurred_at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Why an event was not handled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct EventError {
    /// A stable code.
    pub code: String,
    /// For who operates the platform: no text of a person.
    pub reason: String,
    /// Whether it is handled again.
    pub retry: Retry,
}

impl EventError {
    /// A failure with that code.
    pub fn new(code: &str, reason: impl Into<String>, retry: Retry) -> Self {
        Self {
            code: code.to_owned(),
            reason: reason.into(),
            retry,
        }
    }
}

/// An unavailable database is waited for; any other database error is a fault of the handler.
impl From<sqlx::Error> for EventError {
    fn from(error: sqlx::Error) -> Self {
        let (code, retry) = if shared_db::is_unavailable(&error) {
            ("dependency_unavailable", Retry::UntilAvailable)
        } else {
            ("internal", Retry::Limited)
        };
        Self::new(code, error.to_string(), retry)
    }
}

/// A [`Subscription`] without its type, so that a dispatcher can keep several.
pub(crate) trait ErasedSubscription: Send + Sync {
    fn name(&self) -> &'static str;
    fn types(&self) -> &'static [EventType];
    fn start(&self) -> Start;
    fn timeout(&self) -> Duration;
    fn handle<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        event: &'a PublishedEvent,
    ) -> BoxFuture<'a, Result<(), EventError>>;
}

impl<S: Subscription> ErasedSubscription for S {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn types(&self) -> &'static [EventType] {
        S::TYPES
    }

    fn start(&self) -> Start {
        S::START
    }

    fn timeout(&self) -> Duration {
        S::TIMEOUT
    }

    fn handle<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        event: &'a PublishedEvent,
    ) -> BoxFuture<'a, Result<(), EventError>> {
        Box::pin(Subscription::handle(self, tx, event))
    }
}
