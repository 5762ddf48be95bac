//! Pure rules: no async, no clock, no client, no SQL.

pub(crate) mod answer;
pub(crate) mod caller;
pub(crate) mod circuit_breaker;
pub(crate) mod failover;
pub(crate) mod index;
pub(crate) mod models;
pub(crate) mod tokenizer;
pub(crate) mod tokens;
