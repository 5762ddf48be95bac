#![doc = include_str!("../README.md")]

pub mod backup;
pub mod calls;
pub mod keys;
pub mod limits;
pub mod reader;
pub mod redis_acl;
pub mod retention;
pub mod secret;
pub mod wiring;

pub use calls::{CALLS, Call};
pub use reader::{Problem, Problems, Reader};
pub use retention::Retention;
pub use secret::Secret;
pub use wiring::{Service, Store};
