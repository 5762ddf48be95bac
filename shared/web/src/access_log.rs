//! Request ids and the access log: an id is taken from the gateway or made, logged and returned.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use shared_config::limits::method_name;
use tracing::Instrument as _;
use uuid::Uuid;

/// The header of the request id, in requests and responses.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task serves; empty outside a request.
pub fn current_request_id() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Whether an id from outside is accepted: the shape that gateways write, safe to log.
fn well_formed(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Gives each request an id and a span, and logs one line when it is answered.
///
/// The line has the route, never the query or a body, which may hold message text.
pub async fn record(request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let id = match given.filter(|id| well_formed(id)) {
        Some(id) => id.to_owned(),
        None => Uuid::now_v7().simple().to_string(),
    };
    // The caller chooses the method: what is written of it comes from a fixed list.
    let method = method_name(request.method().as_str());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("-", MatchedPath::as_str);
    let route = route.to_owned();
    let span = tracing::info_span!("request", request_id = id);
    let started = std::time::Instant::now();
    let answered = CURRENT
        .scope(id.clone(), next.run(request))
        .instrument(span.clone());
    let mut response = answered.await;
    let (status, seconds) = (response.status().as_u16(), started.elapsed().as_secs_f64());
    let probe = route.ends_with("/livez") || route.ends_with("/readyz");
    span.in_scope(|| {
        if probe {
            tracing::debug!(method, route, status, seconds, "request answered");
        } else {
            tracing::info!(method, route, status, seconds, "request answered");
        }
    });
    let labels = [
        ("method", method.to_owned()),
        ("route", route),
        ("status", status.to_string()),
    ];
    metrics::histogram!("http_request_seconds", &labels).record(seconds);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
