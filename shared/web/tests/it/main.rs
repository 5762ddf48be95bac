//! Tests of what the shared layers answer for every service.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at faults, a handler that dies is one of the cases, figures are printed"
)]

mod test_app;
mod test_cors;
mod test_lifetime;
mod test_limit;
mod test_method;
mod test_revocation;
mod test_revocation_loss;
mod test_verifier;
mod test_without_redis;
