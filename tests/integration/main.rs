//! Contracts between parts, on real stores and without a cluster.
#![expect(clippy::unwrap_used, reason = "tests stop at faults")]

mod test_catalogue;
mod test_environment;
mod test_transactions;
