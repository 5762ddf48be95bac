//! The long ways: a text becomes searchable, a question becomes an answer.

pub mod answer;
pub mod embed;
pub mod ingest;
pub mod retrieve;
