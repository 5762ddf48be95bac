//! A request over a rate limit, and the headers that say when to repeat it.

use std::time::Duration;

use axum::http::HeaderMap;
use shared_web::ApiError;
use shared_web::rate_limit::{self, Rule};

/// A request over a limit.
#[derive(Debug)]
pub(crate) struct LimitExceeded {
    pub(crate) rule: Rule,
    pub(crate) retry_after: Duration,
}

impl LimitExceeded {
    pub(super) fn problem(&self) -> ApiError {
        ApiError::limit_used_up(self.rule.name, self.retry_after)
    }

    /// Adds the headers of draft-ietf-httpapi-ratelimit-headers.
    pub(super) fn write_headers(&self, headers: &mut HeaderMap) {
        rate_limit::describe(headers, &[self.rule], 0, 0, self.retry_after);
    }
}
