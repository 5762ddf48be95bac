#![doc = include_str!("../README.md")]

pub mod client;
pub mod error;
pub mod http_client;
pub mod lines;
pub mod sse;
pub mod token_source;

pub use client::{RpcClient, read_json};
pub use error::RpcError;
pub use lines::{LineError, MAX_LINE, lines};
pub use token_source::{NoToken, TokenSource};
