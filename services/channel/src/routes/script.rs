//! `widget.js`, under a name that is kept for a while and one that is kept for ever.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256, Sha384};

/// The script, built from `web/widget`.
const SCRIPT: &str = include_str!("../widget/widget.js");

/// Kept five minutes, then asked for again.
const FOR_A_WHILE: &str = "public, max-age=300, stale-while-revalidate=86400";
/// The name changes with the content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The first digits of the script's hash.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let hash = Sha256::digest(SCRIPT);
    let first: [u8; 8] = std::array::from_fn(|at| hash[at]);
    format!("{:016x}", u64::from_be_bytes(first))
});

static INTEGRITY: LazyLock<String> = LazyLock::new(|| {
    let hash = Sha384::digest(SCRIPT);
    format!("sha384-{}", BASE64_STANDARD.encode(hash))
});

/// The path of this version of the script, below `/channels/v1`.
pub(crate) fn versioned_path() -> String {
    format!("/widget.{}.js", *VERSION)
}

/// The hash that a browser checks the script against.
pub(crate) fn integrity() -> &'static str {
    INTEGRITY.as_str()
}

/// Read the newest script.
#[utoipa::path(get, path = "/widget.js", tag = "widget",
    responses((status = 200, content_type = "text/javascript", body = String),
        (status = 304, description = "unchanged")))]
pub(crate) async fn read_script(headers: HeaderMap) -> Response {
    let tag = format!("\"{}\"", *VERSION);
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known.and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().ends_with(&tag))) {
        let kept = [
            (header::ETAG, tag),
            (header::CACHE_CONTROL, FOR_A_WHILE.to_owned()),
        ];
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    script(FOR_A_WHILE)
}

/// Reads this version of the script.
pub(crate) async fn read_versioned_script() -> Response {
    script(FOR_EVER)
}

/// Any page may load it: what it may do there, the session decides.
fn script(kept: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "text/javascript; charset=utf-8");
    set(header::CACHE_CONTROL, kept);
    set(header::ETAG, &format!("\"{}\"", *VERSION));
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "cross-origin",
    );
    (headers, SCRIPT).into_response()
}
