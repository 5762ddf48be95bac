//! Tests of the outbox on a real PostgreSQL and Redis.
#![expect(clippy::unwrap_used, reason = "tests stop at faults")]

mod test_app;
mod test_commands;
mod test_delivery;
mod test_failures;
mod test_order;
mod test_retention;
