//! Error responses that many endpoints share, for the OpenAPI document.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// Responses to an invalid JSON body.
pub(crate) struct BodyErrors;

/// Responses to an invalid bearer token.
pub(crate) struct TokenErrors;

/// Responses to an invalid `Idempotency-Key`, besides 409 `request_in_progress`.
pub(crate) struct IdempotencyErrors;

/// The response to a caller over a rate limit.
pub(crate) struct LimitErrors;

/// The response while a dependency is unavailable, or while the service is overloaded.
pub(crate) struct UnavailableErrors;

impl IntoResponses for BodyErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "malformed_json: the body is not JSON"),
            ("413", "body_too_large"),
            (
                "415",
                "unsupported_media_type: the body is not application/json",
            ),
            (
                "422",
                "invalid_fields: a field is missing, unknown or invalid; `errors` names it",
            ),
        ])
    }
}

impl IntoResponses for IdempotencyErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (
                "400",
                "malformed_json: the body is not JSON; or malformed_idempotency_key",
            ),
            (
                "422",
                "invalid_fields: a field is missing, unknown or invalid; `errors` names it; or \
                 idempotency_key_reused",
            ),
        ])
    }
}

impl IntoResponses for TokenErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (
                "401",
                "missing_token, invalid_token, expired_token, revoked_token or session_ended",
            ),
            (
                "403",
                "users_only: only signed-in users may do this; or tenant_suspended",
            ),
        ])
    }
}

impl IntoResponses for LimitErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(
            "429",
            "rate_limited: retry after `Retry-After`; `RateLimit` has the details",
        )])
    }
}

impl IntoResponses for UnavailableErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(
            "503",
            "dependency_unavailable or overloaded: retry after `Retry-After`",
        )])
    }
}

fn problems(list: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let response = |description: &str| {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", content)
            .build()
    };
    list.iter()
        .map(|(status, description)| ((*status).to_owned(), response(description).into()))
        .collect()
}
