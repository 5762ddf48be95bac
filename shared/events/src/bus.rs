//! Publishing: an event becomes a row in the transaction of the change, and a hint after it.

use shared_cache::{Cache, Key};
use shared_db::{Effect, TenantTx};
use shared_models::{Event, EventType};
use tokio::sync::watch;

use crate::store;

/// Where a service publishes. Clones share the wake-up of this process's subscriptions.
#[derive(Debug, Clone)]
pub struct EventBus {
    cache: Cache,
    wake: watch::Sender<()>,
}

impl EventBus {
    /// A bus of this process.
    pub fn new(cache: Cache) -> Self {
        Self {
            cache,
            wake: watch::Sender::new(()),
        }
    }

    /// Publishes an event of the transaction's tenant. After the commit, and only then,
    /// subscriptions are woken.
    pub async fn publish(
        &self,
        tx: &mut TenantTx,
        event: impl Into<Event> + Send,
    ) -> sqlx::Result<()> {
        tx.apply(self.publication(event)).await
    }

    /// The effect of publishing an event, for code that is given its effects.
    pub fn publication(&self, event: impl Into<Event>) -> Publish {
        Publish {
            bus: self.clone(),
            event: event.into(),
        }
    }

    pub(crate) fn wake_local(&self) {
        self.wake.send_replace(());
    }

    /// Changes whenever an event may be waiting.
    pub(crate) fn woken(&self) -> watch::Receiver<()> {
        self.wake.subscribe()
    }

    pub(crate) const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Wakes subscriptions, in this process and others. A hint: they also poll.
    fn wake(&self, published: EventType) {
        self.wake_local();
        let cache = self.cache.clone();
        tokio::spawn(async move {
            let channel = Key::event_wake();
            if let Err(error) = cache.publish(&channel, published.as_str()).await {
                tracing::debug!(%error, "event wake-up not published; subscriptions poll");
            }
        });
    }
}

/// An event to be published in a transaction.
#[derive(Debug, Clone)]
pub struct Publish {
    bus: EventBus,
    event: Event,
}

impl Effect for Publish {
    type Output = ();

    async fn write(self, tx: &mut TenantTx) -> sqlx::Result<()> {
        store::insert(tx, &self.event).await?;
        tx.after_commit(move || self.bus.wake(self.event.event_type()));
        Ok(())
    }
}
