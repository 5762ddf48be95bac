//! The only failure that leaves a service: a problem document (RFC 9457), logged once.

use std::error::Error as StdError;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared_auth::AuthError;
use utoipa::ToSchema;

use crate::access_log;

/// What a caller reads when a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A name of the kind of problem: `urn:creator-platform:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A stable word to program against.
    pub code: String,
    /// What went wrong here, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The dependency that is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency: Option<String>,
    /// The fields that were wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Name it when you report the problem: it is in the logs of every service involved.
    pub trace_id: String,
}

/// One field that was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Path of the field, such as `tags[2]`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// A failed request on its way out.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: Option<Box<str>>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    dependency: Option<Box<str>>,
    challenge: bool,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl ApiError {
    /// A failure of that status and code.
    pub const fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
            dependency: None,
            challenge: false,
            cause: None,
        }
    }

    /// 400: the request cannot be read.
    pub const fn bad_request(code: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code)
    }

    /// 401 with a challenge: nobody, or nobody any more.
    pub const fn unauthorized(code: &'static str) -> Self {
        let mut error = Self::new(StatusCode::UNAUTHORIZED, code);
        error.challenge = true;
        error
    }

    /// 403: known, and not allowed.
    pub const fn forbidden(code: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code)
    }

    /// 404: not there, or not yours; the two look the same.
    pub const fn not_found(code: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code)
    }

    /// 409: not in this state.
    pub const fn conflict(code: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code)
    }

    /// 422: readable, and wrong.
    pub const fn unprocessable(code: &'static str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code)
    }

    /// 429 with the time to wait.
    pub fn too_many(wait: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited").retry_after(wait)
    }

    /// 503: a dependency is away; its name is in the answer, its words are in the log.
    pub fn unavailable(
        dependency: &str,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "dependency_unavailable")
            .detail(format!("{dependency} does not answer; try again shortly"))
            .retry_after(Duration::from_secs(2));
        error.dependency = Some(dependency.into());
        error.cause = Some(cause.into());
        error
    }

    /// 500: our fault; the cause is in the log only.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal");
        error.cause = Some(cause.into());
        error
    }

    /// Adds what went wrong here.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into_boxed_str());
        self
    }

    /// Adds a field that was wrong.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    /// Adds the time after which another try makes sense.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable word.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Logs the failure once, here where it is handled, and gives the document.
    pub fn into_problem(self) -> Problem {
        let cause = self.cause.as_ref().map(|cause| chain(cause.as_ref()));
        let (status, code) = (self.status.as_u16(), self.code);
        if self.status.is_server_error() {
            tracing::error!(status, code, cause, "request failed");
        } else {
            tracing::debug!(status, code, detail = self.detail, "request refused");
        }
        Problem {
            kind: format!("urn:creator-platform:problem:{code}"),
            title: self
                .status
                .canonical_reason()
                .unwrap_or("Failed")
                .to_owned(),
            status,
            code: code.to_owned(),
            detail: self.detail.map(String::from),
            dependency: self.dependency.map(String::from),
            errors: self.errors,
            trace_id: access_log::current_request_id(),
        }
    }
}

/// An error and what lies behind it, on one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A database that is away is 503; anything else it says is our fault.
impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if shared_db::is_unavailable(&error) {
            Self::unavailable("postgres", error)
        } else {
            Self::internal(error)
        }
    }
}

/// The status of each refusal of a credential or a caller.
impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let (code, detail) = (error.code(), error.to_string());
        match error {
            AuthError::InvalidToken
            | AuthError::ExpiredToken
            | AuthError::RevokedToken
            | AuthError::SessionEnded => Self::unauthorized(code).detail(detail),
            AuthError::TenantSuspended
            | AuthError::PermissionMissing(_)
            | AuthError::UsersOnly
            | AuthError::ServicesOnly => Self::forbidden(code).detail(detail),
            AuthError::Unavailable { dependency, cause } => Self::unavailable(dependency, cause),
            AuthError::Internal(cause) => Self::internal(cause),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, wait, challenge) = (self.status, self.retry_after, self.challenge);
        let mut response = (status, Json(self.into_problem())).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = wait {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if challenge {
            let bearer = HeaderValue::from_static("Bearer realm=\"creator-platform\"");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
