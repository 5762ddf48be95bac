//! Runs the subscriptions of a service beside its jobs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use shared_cache::Key;
use shared_db::Db;
use shared_models::CreatorId;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::bus::EventBus;
use crate::delivery;
use crate::store;
use crate::subscription::{ErasedSubscription, EventError, Subscription};

/// How often an idle subscription looks for events: retries, expired leases, lost wake-ups.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often lag is measured, and a subscription says that it is served.
const REPORT_INTERVAL: Duration = Duration::from_secs(15);

/// Delivers events to the subscriptions of one service.
#[derive(Clone)]
pub struct Dispatcher {
    db: Db,
    bus: EventBus,
    subscriptions: Vec<Arc<dyn ErasedSubscription>>,
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.subscriptions.iter().map(|known| known.name());
        f.debug_struct("Dispatcher")
            .field("subscriptions", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Dispatcher {
    /// A dispatcher without any subscription.
    pub const fn new(db: Db, bus: EventBus) -> Self {
        Self {
            db,
            bus,
            subscriptions: Vec::new(),
        }
    }

    /// Adds a subscription.
    #[must_use]
    pub fn with(mut self, subscription: impl Subscription) -> Self {
        self.subscriptions.push(Arc::new(subscription));
        self
    }

    /// Delivers until `stop` is cancelled. An event that is being handled then is finished.
    pub async fn run(self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        for subscription in self.subscriptions.clone() {
            let (worker, stop) = (self.clone(), stop.clone());
            tasks.spawn(async move { worker.work(subscription.as_ref(), &stop).await });
        }
        let listener = self.clone();
        let listening = stop.clone();
        tasks.spawn(async move {
            let _ = listening.run_until_cancelled(listener.listen()).await;
        });
        tasks.spawn(async move {
            let _ = stop.run_until_cancelled(self.report()).await;
        });
        while tasks.join_next().await.is_some() {}
    }

    /// Makes the subscriptions known. `run` does this by itself.
    pub async fn register(&self) -> sqlx::Result<()> {
        for subscription in &self.subscriptions {
            register(&self.db, subscription.as_ref()).await?;
        }
        Ok(())
    }

    /// Gives one tenant of each subscription a turn; false when no tenant waits.
    pub async fn step(&self, stop: &CancellationToken) -> sqlx::Result<bool> {
        let mut served = false;
        for subscription in &self.subscriptions {
            served |= delivery::serve_next(&self.db, subscription.as_ref(), stop).await?;
        }
        Ok(served)
    }

    /// Delivers an event that a subscription has set aside; false when it has not. It happens out
    /// of order: later events of the tenant were delivered before.
    pub async fn redeliver(
        &self,
        tenant: CreatorId,
        subscription: &str,
        event: Uuid,
    ) -> Result<bool, EventError> {
        let mut known = self.subscriptions.iter();
        match known.find(|known| known.name() == subscription) {
            Some(known) => delivery::redeliver(&self.db, known.as_ref(), tenant, event).await,
            None => Ok(false),
        }
    }

    /// The database, as the service of these subscriptions.
    pub(crate) const fn db(&self) -> &Db {
        &self.db
    }

    async fn work(&self, subscription: &dyn ErasedSubscription, stop: &CancellationToken) {
        let mut woken = self.bus.woken();
        let mut is_registered = false;
        while !stop.is_cancelled() {
            match self.serve(subscription, &mut is_registered, stop).await {
                Ok(true) => continue, // another tenant may wait already
                Ok(false) => {}
                // What was claimed is claimed again when its lease has expired.
                Err(error) => tracing::warn!(%error, "database unavailable; events wait"),
            }
            tokio::select! {
                // It never ends: this dispatcher has a sender.
                _ = woken.changed() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn serve(
        &self,
        subscription: &dyn ErasedSubscription,
        is_registered: &mut bool,
        stop: &CancellationToken,
    ) -> sqlx::Result<bool> {
        if !*is_registered {
            register(&self.db, subscription).await?;
            *is_registered = true;
        }
        delivery::serve_next(&self.db, subscription, stop).await
    }

    /// Wakes subscriptions when another process publishes; without Redis they poll.
    async fn listen(&self) {
        let channel = Key::event_wake();
        loop {
            match self.bus.cache().subscribe(&channel).await {
                Ok(subscription) => {
                    let mut messages = subscription.into_on_message();
                    while let Some(message) = messages.next().await {
                        if self.wants(message.get_payload_bytes()) {
                            self.bus.wake_local();
                        }
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot subscribe to event wake-ups; polling");
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn wants(&self, name: &[u8]) -> bool {
        let mut types = self.subscriptions.iter().flat_map(|known| known.types());
        types.any(|wanted| wanted.as_str().as_bytes() == name)
    }

    /// Measures lag. Every replica reports the same figures.
    async fn report(&self) {
        loop {
            // First of all the process has better uses for its connections: workers register.
            tokio::time::sleep(REPORT_INTERVAL).await;
            for subscription in &self.subscriptions {
                if let Err(error) = self.report_lag(subscription.as_ref()).await {
                    tracing::debug!(%error, "lag of events not measured");
                }
            }
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a metric; no tenant has 2^52 events"
    )]
    async fn report_lag(&self, subscription: &dyn ErasedSubscription) -> sqlx::Result<()> {
        register(&self.db, subscription).await?;
        let name = subscription.name();
        let lag = store::lag(&self.db, name).await?;
        metrics::gauge!("events_lag_seconds", "subscription" => name).set(lag.seconds);
        metrics::gauge!("events_pending", "subscription" => name).set(lag.pending as f64);
        Ok(())
    }
}

async fn register(db: &Db, subscription: &dyn ErasedSubscription) -> sqlx::Result<()> {
    let (name, types) = (subscription.name(), subscription.types());
    store::register(db, name, types, subscription.start()).await
}
