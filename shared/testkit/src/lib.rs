#![doc = include_str!("../README.md")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "tests stop at faults"
)]

pub mod client;
pub mod database;
pub mod dead_connection_proxy;
pub mod golden;
pub mod query_log;
pub mod revoker;
pub mod sample;
pub mod service_keys;
pub mod stores;
pub mod tcp_proxy;
pub mod tokens;

pub use client::{Answer, TestClient};
pub use database::{TestDatabase, published_events};
pub use dead_connection_proxy::DeadConnectionProxy;
pub use golden::assert_golden;
pub use query_log::QueryLog;
pub use revoker::Revoker;
pub use sample::Sample;
pub use service_keys::{all_service_keys, service_keys};
pub use stores::Stores;
pub use tcp_proxy::TcpProxy;
pub use tokens::TokenMint;
