#![doc = include_str!("../README.md")]

mod block;
mod failure;
mod line;
mod position;
mod summary;

pub use block::{Block, Content, Table};
pub use failure::ReadFailure;
pub use line::{BadLine, MAX_LINE, Record, pieces};
pub use position::{Position, RowPosition};
pub use summary::{Summary, Warning, WarningCode};
