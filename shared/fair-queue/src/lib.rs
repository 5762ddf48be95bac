#![doc = include_str!("../README.md")]

mod queue;
mod turns;

pub use queue::{Arrival, FairQueue, Held, QueueFull, QueueLimits, Ticket};
pub use turns::{Displaced, Entered, NotEntered, Place, Turns};
