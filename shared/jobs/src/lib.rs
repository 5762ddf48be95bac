#![doc = include_str!("../README.md")]

pub mod commands;
pub mod context;
mod erased;
pub mod job;
pub mod lease;
mod local;
pub mod queue;
pub mod retention;
pub mod rows;
pub mod runner;
pub mod schedule;

pub use context::JobContext;
pub use job::{Job, JobError, Outcome};
pub use lease::ClaimedJob;
pub use queue::{Enqueue, JobQueue, platform};
pub use rows::{JobRow, JobState, NewJob};
pub use runner::Runner;
pub use schedule::{Progress, ScheduleError, ScheduledWork};
