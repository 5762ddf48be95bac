//! The operator against real API servers: `make test` starts them, or a test does by itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests end by these, and print what they measured"
)]

mod auth;
mod leader;
#[path = "../../../core/tests/it/schema_values.rs"]
mod schema_values;
mod server;
mod stand_in;
mod tenants;
mod wire;
mod world;

mod test_backups;
mod test_chart;
mod test_command;
mod test_conflict;
mod test_converge;
mod test_crash;
mod test_crd;
mod test_deletion;
mod test_directory;
mod test_drift;
mod test_faults;
mod test_footprint;
mod test_invalid;
mod test_leader;
mod test_lost_event;
mod test_namespaces;
mod test_plugin;
mod test_rights;
mod test_seen;
mod test_shared_cluster;
mod test_suspend;
mod test_tenant_bench;
mod test_tenant_crash;
mod test_tenant_faults;
mod test_tenants;
mod test_walks;
