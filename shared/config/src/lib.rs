#![doc = include_str!("../README.md")]

pub mod keys;
pub mod limits;
pub mod reader;
pub mod secret;
pub mod wiring;

pub use reader::{Problem, Problems, Reader};
pub use secret::Secret;
pub use wiring::{Service, Store};
