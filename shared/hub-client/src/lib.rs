#![doc = include_str!("../README.md")]

mod client;

pub use client::{HubClient, HubError, TEXT_ROUTE, TextRange};
