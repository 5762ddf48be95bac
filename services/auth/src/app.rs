//! Use cases by feature; the only place that opens transactions.

pub(crate) mod account;
pub(crate) mod audit;
pub mod commands;
pub(crate) mod idempotency;
pub(crate) mod limits;
pub(crate) mod mailer;
pub(crate) mod platform_admins;
pub(crate) mod privacy;
pub(crate) mod security;
pub(crate) mod sign_in;
pub(crate) mod team;
pub(crate) mod tenants;
