//! A page as a creator might have one, with the widget on it: to see that all works.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared_models::ChannelId;
use shared_web::Query;

use super::script;
use crate::domain::origin::Origin;
use crate::error::Error;
use crate::state::AppState;
use crate::store::channels;

const PAGE: &str = include_str!("../widget/demo.html");
const STYLE: &str = include_str!("../widget/demo.css");

/// As strict as a careful creator would have it: the widget has to work under it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Which widget to show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemoQuery {
    channel: Option<String>,
}

/// Shows the page; without a channel, a form that asks for one.
pub(crate) async fn read_page(
    State(app): State<AppState>,
    headers: HeaderMap,
    Query(query): Query<DemoQuery>,
) -> Result<Response, Error> {
    if !app.demo_page {
        return Err(Error::NoPage);
    }
    let given = query.channel.unwrap_or_default();
    let origin = origin_of(&headers).ok_or(Error::OriginNotAllowed)?;
    let channel = match given.trim().parse() {
        Ok(id) => allowing(&app, id, &origin).await?,
        Err(_) => None,
    };
    let embed = channel.map(|id| {
        let (path, integrity) = (script::versioned_path(), script::integrity());
        format!(
            "<script src=\"/channels/v1{path}\" integrity=\"{integrity}\" \
             crossorigin=\"anonymous\" data-channel=\"{id}\" async></script>"
        )
    });
    let (state, note) = match (&channel, given.trim().is_empty()) {
        (Some(_), _) => ("with-widget", ""),
        (None, true) => ("without-widget", ""),
        (None, false) => ("without-widget", "No widget with this id allows this page."),
    };
    let page = PAGE
        .replace("{{state}}", state)
        .replace("{{note}}", note)
        .replace("{{origin}}", &escaped(origin.as_str()))
        .replace("{{embed}}", &embed.unwrap_or_default());
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, page).into_response())
}

/// The origin of this page, as the browser's address line has it.
fn origin_of(headers: &HeaderMap) -> Option<Origin> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = text("x-forwarded-proto").unwrap_or("http");
    let host = text("x-forwarded-host").or_else(|| text("host"))?;
    Origin::parse(&format!("{scheme}://{host}"))
}

/// The channel, if there is one and its widget may be embedded here.
async fn allowing(
    app: &AppState,
    id: ChannelId,
    origin: &Origin,
) -> sqlx::Result<Option<ChannelId>> {
    let widget = channels::find_widget(&app.db, id).await?;
    Ok(widget
        .filter(|widget| widget.settings.allowed_origins.admit(origin))
        .map(|_| id))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

/// The page's style sheet.
pub(crate) async fn read_style(State(app): State<AppState>) -> Result<Response, Error> {
    if !app.demo_page {
        return Err(Error::NoPage);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, STYLE).into_response())
}
