//! Errors of a reconcile. Invalid specs and closed gates are results, not errors.

use std::time::Duration;

use operator_core::object::ObjectKey;

use crate::claims::Refused;
use crate::tenant::auth::AuthError;

/// Why a reconcile failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A read failed.
    #[error("reading {what}: {}", describe(source))]
    Read {
        /// What was read.
        what: String,
        /// The API server's answer, or the transport error.
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
    /// A call to the auth service failed.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The reconcile took too long.
    #[error("timed out after {} s", .0.as_secs())]
    Deadline(Duration),
    /// The lease of the namespace could not be acquired.
    #[error(transparent)]
    Claim(#[from] Refused),
    /// The object has no namespace or UID: it does not come from the API server.
    #[error("the object has no namespace or UID")]
    NotStored,
}

/// The error's message without the Debug form that kube appends to it.
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
