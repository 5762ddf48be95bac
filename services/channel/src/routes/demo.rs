//! A demo page with a widget, to try the platform without a web site.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared_models::ChannelId;
use shared_web::{ClientIp, Query};

use crate::app::demo;
use crate::app::providers::web_widget::script::{script_element, versioned_path};
use crate::domain::origin::Origin;
use crate::error::Error;
use crate::state::AppState;

const PAGE: &str = include_str!("../widget/demo.html");
const STYLE: &str = include_str!("../widget/demo.css");

/// As strict as the policy of a careful creator: the widget must work under it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The widget to show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DemoQuery {
    channel: Option<String>,
}

/// Shows the page with the widget, or a form for the channel's id.
pub(crate) async fn read_page(
    State(app): State<AppState>,
    address: ClientIp,
    headers: HeaderMap,
    Query(query): Query<DemoQuery>,
) -> Result<Response, Error> {
    if !app.demo_page {
        return Err(Error::NoPage);
    }
    let input = query.channel.unwrap_or_default();
    let origin = origin_of(&headers).ok_or(Error::OriginNotAllowed)?;
    let content = match input.trim().parse::<ChannelId>() {
        Ok(id) if demo::may_embed(&app, id, &origin, address.network()).await? => {
            Content::Widget(id)
        }
        _ if input.trim().is_empty() => Content::Form,
        _ => Content::NotAllowed,
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, render(&origin, &content)).into_response())
}

/// The origin of this page, as shown in the browser's address bar.
fn origin_of(headers: &HeaderMap) -> Option<Origin> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = text("x-forwarded-proto").unwrap_or("http");
    let host = text("x-forwarded-host").or_else(|| text("host"))?;
    Origin::parse(&format!("{scheme}://{host}"))
}

/// What the page shows.
enum Content {
    Widget(ChannelId),
    Form,
    NotAllowed,
}

fn render(origin: &Origin, content: &Content) -> String {
    let (state, note) = match content {
        Content::Widget(_) => ("with-widget", ""),
        Content::Form => ("without-widget", ""),
        Content::NotAllowed => ("without-widget", "No widget with this id allows this page."),
    };
    let embed = match content {
        Content::Widget(id) => script_element(&format!("/channels/v1{}", versioned_path()), *id),
        Content::Form | Content::NotAllowed => String::new(),
    };
    PAGE.replace("{{state}}", state)
        .replace("{{note}}", note)
        .replace("{{origin}}", &escaped(origin.as_str()))
        .replace("{{embed}}", &embed)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

/// Serves the page's style sheet.
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
