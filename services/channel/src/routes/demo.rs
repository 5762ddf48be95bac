//! A page as a creator might have one, with the widget on it: to see that all works.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared_models::ChannelId;
use shared_web::Query;

use super::script;
use crate::error::Error;
use crate::state::AppState;

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
    Query(query): Query<DemoQuery>,
) -> Result<Response, Error> {
    if !app.demo_page {
        return Err(Error::NoPage);
    }
    let given = query.channel.unwrap_or_default();
    let channel = given.trim().parse::<ChannelId>().ok();
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
        (None, false) => ("without-widget", "That is not the id of a channel."),
    };
    let page = PAGE
        .replace("{{state}}", state)
        .replace("{{note}}", note)
        .replace("{{embed}}", &embed.unwrap_or_default());
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, page).into_response())
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
