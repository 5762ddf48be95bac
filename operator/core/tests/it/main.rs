//! Tests of the pure half: rules, plans, gates, status, network policies, random walks.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "tests end by these, read what a person asks of them, and hold long tables"
)]

mod fixtures;
mod golden;
mod lease_model;
mod nginx;
mod schema_values;
mod schema_walk;
mod server_model;
mod test_backups;
mod test_convergence;
mod test_crds;
mod test_data_policy;
mod test_gateway;
mod test_goodbye;
mod test_issuer;
mod test_lease;
mod test_model_servers;
mod test_needs;
mod test_network;
mod test_objects;
mod test_operators;
mod test_plan;
mod test_pods;
mod test_reason;
mod test_reference;
mod test_refusals;
mod test_rules;
mod test_samples;
mod test_schema_walk;
mod test_start;
mod test_status;
mod test_store_versions;
mod test_stores;
mod test_tenant;
mod test_versions;
mod test_volumes;
mod test_walk;
mod test_words;
mod world;
