//! Requests to hosts that misbehave, over real sockets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at faults")]

mod server;
mod test_fetcher;
mod test_visit;
