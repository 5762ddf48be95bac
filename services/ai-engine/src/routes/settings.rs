//! How the assistant answers.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use shared_models::entity_tag;
use shared_web::{Body, Permit, Problem, permit};

use crate::app::settings::{self, SavedSettings};
use crate::domain::answer::settings::AnswerSettings;
use crate::error::Error;
use crate::state::AppState;

/// The settings with their entity tag.
fn response(saved: Option<SavedSettings>) -> Response {
    let tag = entity_tag::of_version(saved.as_ref().map_or(0, |saved| saved.revision));
    let settings = saved.map(|saved| saved.settings).unwrap_or_default();
    let mut response = Json(settings).into_response();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Read how the assistant answers. Settings that were never saved have an entity tag, too.
#[utoipa::path(get, path = "/settings", tag = "settings", security(("bearer" = [])),
    responses(
        (status = 200, body = AnswerSettings,
            headers(("ETag" = String, description = "Their revision"))),
        (status = 401, description = "No valid token", body = Problem),
        (status = 503, description = "A dependency is unavailable", body = Problem)))]
pub(super) async fn read_settings(
    State(app): State<AppState>,
    caller: Permit<permit::AssistantRead>,
) -> Result<Response, Error> {
    let saved = settings::read(&app, caller.tenant).await?;
    Ok(response(saved))
}

/// Replace how the assistant answers. It holds for the next question; what is left out is as the
/// platform has it.
#[utoipa::path(put, path = "/settings", tag = "settings", security(("bearer" = [])),
    params(("If-Match" = Option<String>, Header, description = "The `ETag` that was read. Required \
        once settings were saved: nothing is changed if somebody else has changed them since")),
    request_body = AnswerSettings,
    responses(
        (status = 200, body = AnswerSettings,
            headers(("ETag" = String, description = "Their revision"))),
        (status = 400, description = "The body is not valid JSON", body = Problem),
        (status = 401, description = "No valid token", body = Problem),
        (status = 403, description = "Viewers may not change settings", body = Problem),
        (status = 412, description = "They have changed since", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 415, description = "The body is not application/json", body = Problem),
        (status = 422, description = "A field is invalid", body = Problem),
        (status = 428, description = "If-Match is missing", body = Problem),
        (status = 503, description = "A dependency is unavailable", body = Problem)))]
pub(super) async fn replace_settings(
    State(app): State<AppState>,
    caller: Permit<permit::AssistantWrite>,
    headers: HeaderMap,
    Body(new): Body<AnswerSettings>,
) -> Result<Response, Error> {
    let if_match = headers.get(header::IF_MATCH);
    let if_match = if_match.map(|tags| tags.to_str().unwrap_or_default());
    let saved = settings::save(&app, caller.tenant, &new, if_match).await?;
    Ok(response(Some(saved)))
}
