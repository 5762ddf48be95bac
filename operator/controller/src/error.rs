//! What can go wrong at the edge. Wrong specs and unmet gates are results, not errors.

use std::time::Duration;

use operator_core::object::ObjectKey;

use crate::tenant::auth::AuthError;

/// Why a look at a platform failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A read failed.
    #[error("reading {what}: {}", describe(source))]
    Read {
        /// What was read.
        what: String,
        /// What the API server or the way to it said.
        source: kube::Error,
    },
    /// A write of the status failed.
    #[error("writing the status: {}", describe(.0))]
    Status(#[source] kube::Error),
    /// The status could not be written down as JSON.
    #[error("writing the status: {0}")]
    Encoding(#[from] serde_json::Error),
    /// An object lacks what every stored object has.
    #[error("{0} has no uid or resourceVersion")]
    Incomplete(ObjectKey),
    /// Auth could not be asked.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The look took too long.
    #[error("no end after {} s", .0.as_secs())]
    Deadline(Duration),
    /// The platform has no namespace or UID, so it was never stored.
    #[error("the platform was never stored")]
    NotStored,
}

/// An error without its Debug form, which kube adds and which says everything twice.
pub fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.message.is_empty() => format!("HTTP {}", status.code),
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// The code that the API server answered with.
pub fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}
