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
pub mod gate;
pub mod golden;
pub mod sample;
pub mod stores;
pub mod tokens;
pub mod wire;

pub use client::{Answer, TestClient};
pub use database::TestDatabase;
pub use gate::Gate;
pub use golden::assert_golden;
pub use sample::Sample;
pub use stores::Stores;
pub use tokens::TokenMint;
pub use wire::Wire;
