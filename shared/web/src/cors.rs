//! CORS: the origins whose pages may call the APIs from a browser.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use shared_config::{Reader, keys};
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::{AllowHeaders, AllowMethods, CorsLayer};

/// How long a browser caches a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_mins(10);
/// The response headers that a page may read.
const EXPOSED_HEADERS: [HeaderName; 7] = [
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("idempotency-replayed"),
    HeaderName::from_static("x-request-id"),
];

/// Origins whose pages may call the APIs.
#[derive(Debug, Clone, Default)]
pub struct CorsOrigins(Arc<[HeaderValue]>);

impl CorsOrigins {
    /// Reads `CORS_ORIGINS`: origins separated by commas; none when it is empty.
    pub fn from_reader(reader: &mut Reader) -> Self {
        let text = reader.optional(keys::CORS_ORIGINS, "");
        let mut origins = Vec::new();
        for origin in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            match parse(origin) {
                Some(origin) => origins.push(origin),
                None => reader.problem(
                    keys::CORS_ORIGINS,
                    "must be origins like https://app.example.com, separated by commas",
                ),
            }
        }
        Self(origins.into())
    }

    /// Answers preflights of these origins and lets their pages read responses. Requests of other
    /// origins pass unchanged: the widget has rules of its own.
    pub fn surround(self, router: Router) -> Router {
        if self.0.is_empty() {
            return router;
        }
        router.layer(middleware::from_fn_with_state(self, allow))
    }
}

/// Scheme, host and port only: what browsers send as `Origin` (RFC 6454). They leave the default
/// port out, so an origin with one would never match.
fn parse(origin: &str) -> Option<HeaderValue> {
    let (scheme, rest) = origin.split_once("://")?;
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let right = !rest.is_empty()
        && !rest.ends_with(default_port)
        && rest
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c));
    right.then(|| origin.parse().ok()).flatten()
}

async fn allow(State(origins): State<CorsOrigins>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN);
    let Some(origin) = origin.filter(|origin| origins.0.contains(origin)).cloned() else {
        return next.run(request).await;
    };
    let allowed = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED_HEADERS)
        .max_age(PREFLIGHT_MAX_AGE)
        .layer(next);
    match allowed.oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}
