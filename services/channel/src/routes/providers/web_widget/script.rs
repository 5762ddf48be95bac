//! `widget.js`: under a stable name, and under a versioned name that never changes its content.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::providers::web_widget::script::{SCRIPT, version};

/// Cached for five minutes, then revalidated.
const REVALIDATED: &str = "public, max-age=300, stale-while-revalidate=86400";
/// Cached for a year: another version has another name.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Read the latest version of the script.
#[utoipa::path(get, path = "/widget.js", tag = "widget",
    responses((status = 200, content_type = "text/javascript", body = String),
        (status = 304, description = "unchanged")))]
pub(crate) async fn read_script(headers: HeaderMap) -> Response {
    let tag = format!("\"{}\"", version());
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    if known.is_some_and(|tags| tags.split(',').any(|one| one.trim().ends_with(&tag))) {
        let unchanged = [
            (header::ETAG, tag),
            (header::CACHE_CONTROL, REVALIDATED.to_owned()),
        ];
        return (StatusCode::NOT_MODIFIED, unchanged).into_response();
    }
    script(REVALIDATED)
}

/// Reads this version of the script.
pub(crate) async fn read_versioned_script() -> Response {
    script(IMMUTABLE)
}

/// Any page may load the script; the session decides what it can do there.
fn script(cache_control: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "text/javascript; charset=utf-8");
    set(header::CACHE_CONTROL, cache_control);
    set(header::ETAG, &format!("\"{}\"", version()));
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "cross-origin",
    );
    (headers, SCRIPT).into_response()
}
