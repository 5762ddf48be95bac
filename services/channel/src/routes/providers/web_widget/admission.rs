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
/// whether the widget exists or not.
pub(crate) async fn admit(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let admitted = match admit_page(&app, &mut parts).await {
        Ok(admitted) => admitted,
        Err(error) => return vary_by_origin(error.into_response()),
    };
    let origin = admitted.origin.clone();
    parts.extensions.insert(admitted);
    let response = next.run(Request::from_parts(parts, body)).await;
    allow_origin(response, origin.as_deref())
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

/// Answers a CORS preflight of a page that the layer has admitted.
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

fn allow_origin(mut response: Response, origin: Option<&str>) -> Response {
    if let Some(Ok(origin)) = origin.map(HeaderValue::from_str) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static("retry-after, x-request-id");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    vary_by_origin(response)
}

/// A cache must not serve one origin's response to another.
fn vary_by_origin(mut response: Response) -> Response {
    let origin = HeaderValue::from_static("origin");
    response.headers_mut().append(header::VARY, origin);
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
