//! Backups of a real database and of real files, by the program and the scripts of the pods.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::panic,
    reason = "tests stop at faults"
)]

mod platform;
mod program;
mod test_memory;
mod test_refusals;
mod test_retention;
mod test_round_trip;
mod test_s3;
mod test_sealed_columns;
mod test_verify;
