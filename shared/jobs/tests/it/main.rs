//! Tests of the job engine on a real PostgreSQL and Redis.
#![expect(clippy::unwrap_used, reason = "tests stop at faults")]

mod test_app;
mod test_local;
mod test_queue;
mod test_runner;
