//! Contracts between parts, on real stores and without a cluster.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at faults")]

mod own_redis;
mod ports;
mod processes;
mod rls;
mod rows;
mod services;
mod test_catalogue;
mod test_compose;
mod test_copies;
mod test_dead_connections;
mod test_effects;
mod test_environment;
mod test_function_reach;
mod test_ingestion;
mod test_least_power;
mod test_login_load;
mod test_matrix;
mod test_mutation;
mod test_permits;
mod test_pool;
mod test_privacy;
mod test_retention;
mod test_revocation;
mod test_revocation_loss;
mod test_rights;
mod test_sites;
mod test_swapped_ids;
mod test_transactions;
mod test_upgrade;
mod traces;
mod upgrade;
