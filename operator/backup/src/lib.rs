//! Makes, checks and restores sealed backups of a whole platform: database, files and keys.
//!
//! Kubernetes runs the program in Jobs, beside init containers with PostgreSQL's own programs,
//! which run the scripts in `assets/`. It knows no Kubernetes. What decides is pure (`format`,
//! `retention`); everything streams, so that memory is bounded whatever the size of the data.
//! It is not for a dump of the database alone, which the managed PostgreSQL makes by itself.

pub mod archive;
pub mod config;
pub mod create;
pub mod database;
pub mod dump;
pub mod error;
pub mod files;
pub mod format;
pub mod pieces;
pub mod report;
pub mod restore;
pub mod retention;
pub mod seal;
pub mod sealed;
pub mod target;
pub mod verify;
