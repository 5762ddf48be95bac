//! The door of the widget's endpoints: the page's origin is checked on every request, the upgrade
//! included, since CORS does not protect sockets.

use axum::RequestPartsExt as _;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use shared_models::ChannelId;
use shared_web::ApiError;

use crate::domain::origin::Origin;
use crate::error::Error;
use crate::state::AppState;
use crate::store::channels::{self, WidgetRow};
use crate::store::tenants;

/// A widget that the calling page may embed.
#[derive(Debug, Clone)]
pub(crate) struct Admitted {
    pub(crate) channel: ChannelId,
    pub(crate) widget: WidgetRow,
    /// The page; absent when a page of this very host reads, for then browsers name none.
    pub(crate) origin: Option<String>,
}

#[derive(Deserialize)]
struct WidgetPath {
    channel_id: ChannelId,
}

/// Lets a page of an allowed origin in, and tells its browser so; every other page reads one and
/// the same 403, whether the widget is there or not.
pub(crate) async fn admit(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let admitted = match admitted(&app, &mut parts).await {
        Ok(admitted) => admitted,
        Err(error) => return vary(error.into_response()),
    };
    let origin = admitted.origin.clone();
    parts.extensions.insert(admitted);
    let response = next.run(Request::from_parts(parts, body)).await;
    allow(response, origin.as_deref())
}

async fn admitted(app: &AppState, parts: &mut Parts) -> Result<Admitted, Error> {
    let path = parts.extract::<Path<WidgetPath>>().await;
    let Ok(Path(WidgetPath { channel_id })) = path else {
        let malformed = ApiError::bad_request("malformed_id");
        return Err(malformed.detail("an id in the path is not a UUID").into());
    };
    let named = parts.headers.get(header::ORIGIN);
    let origin = match named {
        Some(value) => value.to_str().ok().and_then(Origin::parse),
        None if reads_from_same_host(&parts.method, &parts.headers) => None,
        None => return Err(Error::OriginNotAllowed),
    };
    if named.is_some() && origin.is_none() {
        return Err(Error::OriginNotAllowed);
    }
    let widget = channels::find_widget(&app.db, channel_id).await?;
    let widget = widget.ok_or(Error::OriginNotAllowed)?;
    let allowed = &widget.settings.allowed_origins;
    if origin.as_ref().is_some_and(|origin| !allowed.admit(origin)) {
        return Err(Error::OriginNotAllowed);
    }
    let mut tx = app.db.tenant_read(widget.creator).await?;
    let bounds = tenants::bounds(&mut tx).await?;
    if origin
        .as_ref()
        .is_some_and(|origin| !bounds.origins.admits(origin))
    {
        return Err(Error::OriginNotAllowed);
    }
    if bounds.suspended {
        return Err(Error::TenantSuspended);
    }
    Ok(Admitted {
        channel: channel_id,
        widget,
        origin: origin.map(|origin| origin.as_str().to_owned()),
    })
}

/// Browsers name no origin in a GET to the page's own host, and say that it is one. The session
/// token, which is bound to an origin, still decides.
fn reads_from_same_host(method: &Method, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    let upgrade = headers.contains_key(header::UPGRADE);
    method == Method::GET && !upgrade && site.is_some_and(|site| site == "same-origin")
}

/// Answers a browser that asks before it sends; the layer has judged the page.
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

fn allow(mut response: Response, origin: Option<&str>) -> Response {
    if let Some(Ok(origin)) = origin.map(HeaderValue::from_str) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static("retry-after, x-request-id");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    vary(response)
}

/// An answer for one origin must not be kept for another.
fn vary(mut response: Response) -> Response {
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
