#![doc = include_str!("../README.md")]

mod body;
mod changing_parts;
mod failure;
mod fetcher;
mod guard;
mod hosts;
pub mod listing;
mod robots;
mod visit;

pub use body::{gunzip, is_gzip};
pub use changing_parts::without_changing_parts;
pub use failure::{FetchError, FetchFailure};
pub use fetcher::{Answer, Bounds, Excess, Fetcher, Hop, Page, Timeouts, Validators};
pub use guard::{Lookup, SystemLookup};
pub use hosts::Hosts;
pub use robots::AGENT;
pub use visit::{MAX_REDIRECTS, Visit};
