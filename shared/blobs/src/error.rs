//! Why a file cannot be read or written.

use std::io;

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such file.
    #[error("no such file")]
    NotFound,
    /// The store failed: it is full, read-only or unreachable.
    #[error("the file store failed: {0}")]
    Unavailable(#[source] io::Error),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            _ => Self::Unavailable(error),
        }
    }
}

impl From<BlobError> for io::Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound => Self::from(io::ErrorKind::NotFound),
            BlobError::Unavailable(cause) => cause,
        }
    }
}
