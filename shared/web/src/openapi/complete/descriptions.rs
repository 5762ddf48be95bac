//! The description of a response, derived from its status and from what the request contains.

use axum::http::StatusCode;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};

/// What a request contains, and what can therefore be wrong with it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each of which adds a problem code"
)]
pub(super) struct Request {
    pub(super) has_id: bool,
    has_query: bool,
    has_json: bool,
    has_form: bool,
    has_idempotency_key: bool,
}

impl Request {
    pub(super) fn of(operation: &Operation) -> Self {
        let parameters = operation.parameters.iter().flatten();
        let parameters: Vec<&Parameter> = parameters.filter_map(inline).collect();
        let has = |place: &ParameterIn| {
            let mut places = parameters.iter().map(|parameter| &parameter.parameter_in);
            places.any(|other| other == place)
        };
        let body = operation.request_body.as_ref().and_then(inline);
        let takes = |media_type| body.is_some_and(|body| body.content.contains_key(media_type));
        Self {
            has_id: has(&ParameterIn::Path),
            has_query: has(&ParameterIn::Query),
            has_json: takes(super::JSON),
            has_form: takes("multipart/form-data"),
            has_idempotency_key: parameters.iter().any(|p| p.name == "Idempotency-Key"),
        }
    }

    /// Begins with the problem codes that the shared layers answer with this status.
    pub(super) fn describe(&self, status: &str) -> String {
        let fixed = match status {
            "200" => "The request succeeded",
            "201" => "The resource was created",
            "202" => "The request was accepted and continues in the background",
            "204" => "The request succeeded; the response has no body",
            "400" => return self.describe_malformed(),
            "401" => "missing_token, invalid_token, expired_token or revoked_token",
            "403" => "permission_missing, or tenant_suspended",
            "413" => "body_too_large",
            "415" => "unsupported_media_type: the body is not application/json",
            "422" => return self.describe_invalid(),
            "429" => "rate_limited: wait as long as `Retry-After` says",
            "503" => "dependency_unavailable: try again after `Retry-After`",
            _ => return reason(status),
        };
        fixed.to_owned()
    }

    fn describe_malformed(&self) -> String {
        join(&[
            (self.has_id, "malformed_id: an id in the path is not a UUID"),
            (self.has_json, "malformed_json: the body is not JSON"),
            (self.has_form, "malformed_form: the form cannot be read"),
            (self.has_idempotency_key, "malformed_idempotency_key"),
        ])
        .unwrap_or_else(|| reason("400"))
    }

    fn describe_invalid(&self) -> String {
        let fields = "invalid_fields: a field is missing, unknown or wrong; `errors` names it";
        let query = "invalid_query: a query parameter is unknown or wrong";
        join(&[
            (self.has_query, query),
            (self.has_json || self.has_form, fields),
            (self.has_idempotency_key, "idempotency_key_reused"),
        ])
        .unwrap_or_else(|| reason("422"))
    }
}

/// Our documents contain no references to parameters and bodies.
fn inline<T>(item: &RefOr<T>) -> Option<&T> {
    match item {
        RefOr::T(item) => Some(item),
        RefOr::Ref(_) => None,
    }
}

fn join(causes: &[(bool, &str)]) -> Option<String> {
    let possible = causes.iter().filter(|(possible, _)| *possible);
    let texts: Vec<&str> = possible.map(|(_, text)| *text).collect();
    (!texts.is_empty()).then(|| texts.join("; or "))
}

/// The reason phrase of HTTP.
fn reason(status: &str) -> String {
    let parsed = status.parse::<StatusCode>().ok();
    let phrase = parsed.and_then(|status| status.canonical_reason());
    phrase.unwrap_or(status).to_owned()
}
