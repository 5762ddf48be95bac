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

// The driver that the channel service's own tests use.
#[allow(dead_code, reason = "these tests need a part of it")]
#[path = "../../services/channel/tests/it/browser.rs"]
mod browser;
mod by_hand;
mod cluster;
mod load;
mod platform;
mod tenant;
mod test_backup;
mod test_changes_under_load;
mod test_chaos;
mod test_day_two;
mod test_first_day;
mod test_formats;
mod test_visitors;
