#![doc = include_str!("../README.md")]

mod bus;
pub mod commands;
mod delivery;
mod dispatcher;
mod store;
mod subscription;

pub use bus::{EventBus, Publish};
pub use dispatcher::Dispatcher;
pub use subscription::{EventError, PublishedEvent, Start, Subscription};
