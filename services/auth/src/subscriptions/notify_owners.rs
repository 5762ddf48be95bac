//! Notifies the owners of an account that comes near to a quota, or reaches it.

use shared_db::TenantTx;
use shared_events::{EventError, PublishedEvent, Start, Subscription};
use shared_models::{Event, EventType, Retry};

use crate::app::audit;
use crate::app::mailer::Mailer;
use crate::domain::audit::Action;
use crate::domain::email;
use crate::error::Error;
use crate::store::memberships;

/// Writes an audit entry, and an email to each owner whose address is verified.
pub(crate) struct NotifyOwners {
    mailer: Mailer,
}

impl NotifyOwners {
    pub(crate) const fn new(mailer: Mailer) -> Self {
        Self { mailer }
    }
}

impl Subscription for NotifyOwners {
    const NAME: &'static str = "notify_owners";
    const TYPES: &'static [EventType] = &[EventType::QuotaReached];
    // Replicas of other services may publish before this service is upgraded.
    const START: Start = Start::Beginning;

    async fn handle(&self, tx: &mut TenantTx, event: &PublishedEvent) -> Result<(), EventError> {
        let Event::QuotaReached(reached) = &event.event else {
            return Ok(());
        };
        let action = if reached.used >= reached.limit {
            Action::QuotaReached
        } else {
            Action::QuotaNear
        };
        let audit_event = audit::service_event(action).on(reached.quota.as_str());
        audit::append(tx, audit_event).await?;
        for address in memberships::verified_owners(tx).await? {
            let message = email::quota_reached(&address, reached);
            let queued = self.mailer.enqueue(tx, &message).await;
            queued.map_err(not_queued)?;
        }
        Ok(())
    }
}

fn not_queued(error: Error) -> EventError {
    match error {
        Error::Database(cause) => cause.into(),
        error => EventError::new("internal", error.to_string(), Retry::Limited),
    }
}
