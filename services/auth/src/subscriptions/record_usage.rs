//! Records the usage of other services from their events.

use shared_db::TenantTx;
use shared_events::{EventError, PublishedEvent, Start, Subscription};
use shared_models::EventType;

use crate::domain::usage;
use crate::store::usage_events::{self, NewUsage};

/// Adds each event that counts to the usage of its tenant.
pub(crate) struct RecordUsage;

impl Subscription for RecordUsage {
    const NAME: &'static str = "record_usage";
    const TYPES: &'static [EventType] = usage::COUNTED;
    // Replicas of other services may publish before this service is upgraded.
    const START: Start = Start::Beginning;

    async fn handle(&self, tx: &mut TenantTx, event: &PublishedEvent) -> Result<(), EventError> {
        let used = usage::of(&event.event);
        if used.is_empty() {
            return Ok(());
        }
        let new = NewUsage {
            service: &event.source,
            at: event.occurred_at,
            used: &used,
        };
        Ok(usage_events::insert(tx, new).await?)
    }
}
