//! The refusals that many endpoints share, for the OpenAPI document.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// What a JSON body can be refused for.
pub(crate) struct BodyRefused;

/// What a bearer token can be refused for.
pub(crate) struct TokenRefused;

/// What a request that names itself can be refused for, beside 409 `request_in_progress`.
pub(crate) struct RepeatRefused;

/// A caller over a limit.
pub(crate) struct Limited;

/// A dependency that is away, or too much work at once.
pub(crate) struct Unavailable;

impl IntoResponses for BodyRefused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "malformed_json: the body is no JSON"),
            ("413", "body_too_large"),
            (
                "415",
                "unsupported_media_type: the body is not application/json",
            ),
            (
                "422",
                "invalid_fields: a field is missing, unknown or wrong; `errors` names it",
            ),
        ])
    }
}

impl IntoResponses for RepeatRefused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (
                "400",
                "malformed_json: the body is no JSON; or malformed_idempotency_key",
            ),
            (
                "422",
                "invalid_fields: a field is missing, unknown or wrong; `errors` names it; or \
                 idempotency_key_reused",
            ),
        ])
    }
}

impl IntoResponses for TokenRefused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (
                "401",
                "missing_token, invalid_token, expired_token, revoked_token or session_ended",
            ),
            (
                "403",
                "users_only: a service has no account; or tenant_suspended",
            ),
        ])
    }
}

impl IntoResponses for Limited {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(
            "429",
            "rate_limited: `Retry-After` and `RateLimit` say when to ask again",
        )])
    }
}

impl IntoResponses for Unavailable {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(
            "503",
            "dependency_unavailable or overloaded: ask again after `Retry-After`",
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
