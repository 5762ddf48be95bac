//! The events that this service follows, one file per subscription, and what delivers them.

mod record_usage;

use shared_events::Dispatcher;

use crate::state::AppState;
use record_usage::RecordUsage;

/// The dispatcher of this service's subscriptions.
pub fn dispatcher(app: &AppState) -> Dispatcher {
    subscribe(Dispatcher::new(app.db.clone(), app.events.clone()))
}

/// Adds this service's subscriptions to a dispatcher.
pub fn subscribe(dispatcher: Dispatcher) -> Dispatcher {
    dispatcher.with(RecordUsage)
}
