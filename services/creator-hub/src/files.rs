//! The store of uploaded files and of the texts that were extracted from them.

use std::sync::Arc;

use shared_blobs::{BlobError, BlobStore};
use shared_jobs::JobError;

/// The name of the file store in `/readyz` and in errors.
pub(crate) const NAME: &str = "files";

/// The store, as all requests and jobs share it.
pub(crate) type Files = Arc<dyn BlobStore>;

/// The failure of a job whose store fails: another attempt follows.
pub(crate) fn job_error(error: impl Into<BlobError>) -> JobError {
    JobError::unavailable(NAME, &error.into())
}
