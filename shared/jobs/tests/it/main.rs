//! Tests of the job engine on a real PostgreSQL and Redis.
#![expect(clippy::unwrap_used, reason = "tests stop at faults")]

mod test_app;
mod test_chain;
mod test_commands;
mod test_local;
mod test_queue;
mod test_retention;
mod test_runner;
mod test_schedule;
