//! Rows and statements, one table a file.

pub mod chunks;
pub mod documents;
pub mod generations;
