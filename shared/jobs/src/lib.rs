#![doc = include_str!("../README.md")]

pub mod context;
pub mod job;
pub mod lease;
mod local;
pub mod queue;
pub mod rows;
pub mod runner;

pub use context::JobContext;
pub use job::{Job, JobError, Outcome};
pub use lease::ClaimedJob;
pub use queue::{JobQueue, platform};
pub use rows::{JobRow, JobState, NewJob};
pub use runner::Runner;
