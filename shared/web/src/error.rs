//! Every error response is a problem document (RFC 9457), logged once.

use std::error::Error as StdError;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared_auth::AuthError;
use shared_quota::{ChargeError, Exceeded};
use utoipa::ToSchema;

use crate::access_log;

/// The body of an error response (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The problem type: `urn:creator-platform:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of the HTTP status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A stable, machine-readable code.
    pub code: String,
    /// What went wrong, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The dependency that is unavailable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependency: Option<String>,
    /// The invalid fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The id of the request in the logs of every service involved; include it in a bug report.
    pub trace_id: String,
}

/// An invalid field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The path of the field, such as `tags[2]`.
    pub field: String,
    /// What is wrong with the field.
    pub message: String,
}

/// An error response before it is sent.
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
    /// An error with that status and code.
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

    /// 401 with a challenge: the credential is missing or no longer valid.
    pub const fn unauthorized(code: &'static str) -> Self {
        let mut error = Self::new(StatusCode::UNAUTHORIZED, code);
        error.challenge = true;
        error
    }

    /// 403: the caller is known but not allowed.
    pub const fn forbidden(code: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code)
    }

    /// 404: it does not exist or belongs to another tenant; the two are indistinguishable.
    pub const fn not_found(code: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code)
    }

    /// 409: not possible in the current state.
    pub const fn conflict(code: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code)
    }

    /// 422: well-formed but invalid.
    pub const fn unprocessable(code: &'static str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code)
    }

    /// 429 with the time to wait.
    pub fn too_many(wait: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited")
            .detail("too many requests; wait as long as Retry-After says")
            .retry_after(wait)
    }

    /// 429 of the limit with that name, with the time to wait.
    pub fn limit_used_up(name: &str, wait: Duration) -> Self {
        Self::too_many(wait).detail(format!(
            "the limit \"{name}\" is used up; wait as long as Retry-After says"
        ))
    }

    /// 503: a dependency is unavailable; the response has its name, the log has its error.
    pub fn unavailable(
        dependency: &str,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "dependency_unavailable")
            .detail(format!("{dependency} is unavailable; try again shortly"))
            .retry_after(Duration::from_secs(2));
        error.dependency = Some(dependency.into());
        error.cause = Some(cause.into());
        error
    }

    /// 500: a fault of the platform; only the log has the cause.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal");
        error.cause = Some(cause.into());
        error
    }

    /// 429 for a quota of a month, with the time until the next one; 403 for every other quota.
    pub fn quota_exceeded(exceeded: &Exceeded) -> Self {
        let Exceeded {
            quota,
            limit,
            used,
            resets_in,
        } = *exceeded;
        let status = resets_in.map_or(StatusCode::FORBIDDEN, |_| StatusCode::TOO_MANY_REQUESTS);
        let remedy = if resets_in.is_some() {
            "use is counted from nothing again when the month ends (UTC)"
        } else {
            "delete something, or ask for a larger quota"
        };
        let name = quota.as_str();
        let mut error = Self::new(status, "quota_exceeded")
            .detail(format!(
                "the account uses {used} of its quota of {limit} ({name}); {remedy}"
            ))
            .field(name, format!("at most {limit}; {used} are used"));
        error.retry_after = resets_in;
        error
    }

    /// 412: the `If-Match` names an earlier state.
    pub fn precondition_failed() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed")
            .detail("it has changed since you read it; read it again")
    }

    /// 428: `If-Match` is missing.
    pub fn precondition_required() -> Self {
        Self::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required")
            .detail("send If-Match with the ETag that you read")
    }

    /// Sets the explanation for a person.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into_boxed_str());
        self
    }

    /// Adds an invalid field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    /// Sets `Retry-After`.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Logs the error, once, and returns the problem document.
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

/// An error and its sources, on one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// An unavailable database is 503; any other database error is a fault of the platform.
impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if shared_db::is_unavailable(&error) {
            Self::unavailable("postgres", error)
        } else {
            Self::internal(error)
        }
    }
}

/// The status and code of each refusal of a credential or a caller.
impl From<ChargeError> for ApiError {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Exceeded(exceeded) => Self::quota_exceeded(&exceeded),
            ChargeError::Database(error) => error.into(),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let detail = error.to_string();
        match error {
            AuthError::InvalidToken => Self::unauthorized("invalid_token").detail(detail),
            AuthError::ExpiredToken => Self::unauthorized("expired_token").detail(detail),
            AuthError::RevokedToken => Self::unauthorized("revoked_token").detail(detail),
            AuthError::SessionEnded => Self::unauthorized("session_ended").detail(detail),
            AuthError::TenantSuspended => Self::forbidden("tenant_suspended").detail(detail),
            AuthError::PermissionMissing(_) => Self::forbidden("permission_missing").detail(detail),
            AuthError::UsersOnly => Self::forbidden("users_only").detail(detail),
            AuthError::ServicesOnly => Self::forbidden("services_only").detail(detail),
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
