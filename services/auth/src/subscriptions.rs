//! The events that this service follows, one file per subscription, and what delivers them.

mod notify_owners;
mod record_usage;

use shared_events::Dispatcher;

use crate::state::AppState;
use notify_owners::NotifyOwners;
use record_usage::RecordUsage;

/// The dispatcher of this service's subscriptions.
pub fn dispatcher(app: &AppState) -> Dispatcher {
    Dispatcher::new(app.db.clone(), app.events.clone())
        .with(RecordUsage)
        .with(NotifyOwners::new(app.mailer.clone()))
}
