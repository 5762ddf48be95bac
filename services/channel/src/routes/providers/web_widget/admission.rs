//! Admission layer of the widget's endpoints. It checks the page's origin on every request,
//! including the upgrade, because CORS does not protect sockets.

use axum::RequestPartsExt as _;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use shared_models::ChannelId;
use shared_web::{ApiError, ClientIp};

use crate::app::providers::web_widget::admission::{self, Admitted};
use crate::domain::origin::Origin;
use crate::error::Error;
use crate::state::AppState;

#[derive(Deserialize)]
struct WidgetPath {
    channel_id: ChannelId,
}

/// Admits pages of allowed origins and adds the CORS headers. Any other page gets the same 403,
/// whether the widget exists or not, and may read it: a widget that does not learn why it is
/// refused tries again for ever (ADR 48).
pub(crate) async fn admit(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let response = match admitted(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    readable_by(origin, response)
}

/// The request of a page that may use the widget. A preflight does nothing, and the request that
/// follows it is checked by itself.
async fn admitted(app: &AppState, request: Request) -> Result<Request, Error> {
    if request.method() == Method::OPTIONS {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    let admitted = admit_page(app, &mut parts).await?;
    parts.extensions.insert(admitted);
    Ok(Request::from_parts(parts, body))
}

async fn admit_page(app: &AppState, parts: &mut Parts) -> Result<Admitted, Error> {
    let path = parts.extract::<Path<WidgetPath>>().await;
    let Ok(Path(WidgetPath { channel_id })) = path else {
        let malformed = ApiError::bad_request("malformed_id");
        return Err(malformed.detail("an id in the path is not a UUID").into());
    };
    let origin = match parts.headers.get(header::ORIGIN) {
        Some(value) => {
            let origin = value.to_str().ok().and_then(Origin::parse);
            Some(origin.ok_or(Error::OriginNotAllowed)?)
        }
        None if is_same_origin_read(&parts.method, &parts.headers) => None,
        None => return Err(Error::OriginNotAllowed),
    };
    let Ok(address) = ClientIp::from_request_parts(parts, &()).await;
    admission::admit(app, channel_id, origin, address.network()).await
}

/// For a GET to the page's own host, browsers send no `Origin` but mark the request as
/// same-origin. The session token, which is bound to an origin, is checked as well.
fn is_same_origin_read(method: &Method, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    let is_upgrade = headers.contains_key(header::UPGRADE);
    method == Method::GET && !is_upgrade && site.is_some_and(|site| site == "same-origin")
}

/// Answers a CORS preflight.
pub(crate) async fn answer_preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Lets the page that made the request read the response, without credentials.
fn readable_by(origin: Option<HeaderValue>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static("retry-after, x-request-id");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    // A cache must not serve one origin's response to another.
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    response
}

impl<S: Send + Sync> FromRequestParts<S> for Admitted {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(Error::OriginNotAllowed)
    }
}
