//! What a call to another service can end in.

use serde::Deserialize;
use shared_config::Service;
use shared_models::Retry;

use crate::token_source::NoToken;

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The service, or a dependency that it named, is unavailable.
    #[error("{dependency} is unavailable: {cause}")]
    Unavailable {
        /// The service, or the dependency in its problem document.
        dependency: String,
        /// The transport error, or the detail of the problem document.
        cause: String,
    },
    /// The service refused the request.
    #[error("{} refused the request with {status}: {code}: {detail}", service.name())]
    Refused {
        /// The called service.
        service: Service,
        /// The HTTP status.
        status: u16,
        /// `code` of the problem document; `unknown` when there was none.
        code: String,
        /// `detail` of the problem document.
        detail: String,
    },
    /// No bytes arrived for longer than the call allows.
    #[error("{service} sent nothing for too long", service = .0.name())]
    Stalled(Service),
    /// The response ended early or was malformed.
    #[error("the response of {} is incomplete or malformed: {cause}", service.name())]
    Malformed {
        /// The called service.
        service: Service,
        /// What was wrong with it.
        cause: String,
    },
    /// No token could be signed.
    #[error(transparent)]
    NoToken(#[from] NoToken),
}

impl RpcError {
    /// The transport failed before a response arrived.
    pub fn transport(service: Service, cause: &reqwest::Error) -> Self {
        Self::Unavailable {
            dependency: service.name().to_owned(),
            cause: cause.to_string(),
        }
    }

    /// The response cannot be read.
    pub fn malformed(service: Service, cause: &impl ToString) -> Self {
        Self::Malformed {
            service,
            cause: cause.to_string(),
        }
    }

    /// Whether and how long a job should try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unavailable { .. }
            | Self::Refused {
                status: 408 | 425 | 429,
                ..
            } => Retry::UntilAvailable,
            // A token that another service refuses is a fault of the platform, not of the input.
            Self::Refused {
                status: 401 | 403 | 500..,
                ..
            }
            | Self::Stalled(_)
            | Self::Malformed { .. } => Retry::Limited,
            Self::Refused { .. } | Self::NoToken(_) => Retry::Never,
        }
    }

    /// The dependency that is unavailable, if that is the reason.
    pub fn dependency(&self) -> Option<&str> {
        match self {
            Self::Unavailable { dependency, .. } => Some(dependency),
            _ => None,
        }
    }
}

/// The members of a problem document (RFC 9457) that a caller acts on.
#[derive(Debug, Deserialize)]
pub(crate) struct ProblemDocument {
    pub(crate) code: String,
    pub(crate) detail: Option<String>,
    pub(crate) dependency: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_retry_class_follows_from_the_status() {
        let refused = |status| RpcError::Refused {
            service: Service::AiEngine,
            status,
            code: "x".to_owned(),
            detail: String::new(),
        };
        assert_eq!(refused(404).retry(), Retry::Never);
        assert_eq!(refused(429).retry(), Retry::UntilAvailable);
        assert_eq!(refused(500).retry(), Retry::Limited);
        assert_eq!(RpcError::Stalled(Service::Auth).retry(), Retry::Limited);
    }
}
