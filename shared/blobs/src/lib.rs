#![doc = include_str!("../README.md")]

mod directory;
mod error;
mod key;
mod store;

pub use directory::Directory;
pub use error::BlobError;
pub use key::{BlobKey, BlobName};
pub use store::{BlobStore, OpenBlob, PendingBlob};
