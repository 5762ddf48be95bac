#![doc = include_str!("../README.md")]

pub mod context;
pub mod job;
pub mod queue;
pub mod runner;

pub use context::JobContext;
pub use job::{Job, JobError, Outcome};
pub use queue::{ClaimedJob, Enqueue, JobQueue, JobRow, JobState, NewJob};
pub use runner::Runner;
