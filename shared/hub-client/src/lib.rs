#![doc = include_str!("../README.md")]

mod client;

pub use client::{HubClient, HubError, ORIGINAL_ROUTE, Original, TEXT_ROUTE, TextRange};
