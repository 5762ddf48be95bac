//! Row-level security, tried out on every table that the database has; no table is listed here.

pub(crate) mod attempt;
pub(crate) mod database;
pub(crate) mod matrix;
pub(crate) mod rows;
pub(crate) mod tables;
