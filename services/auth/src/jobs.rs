//! Background jobs: one file per kind, and the worker that leases and runs them.

pub(crate) mod erasure;
pub(crate) mod export;
pub(crate) mod outbox;
pub(crate) mod worker;

use shared_config::Service;

/// The job queue of this service.
pub(crate) const QUEUE: &str = Service::Auth.name();
