//! The running platform on a real Kubernetes node, from the chart to an empty namespace.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at faults"
)]
#![expect(
    clippy::print_stdout,
    reason = "figures are printed beside the verdict"
)]

mod cluster;
mod platform;
mod test_chaos;
mod test_first_day;
