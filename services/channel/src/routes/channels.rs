//! Channels: where a creator's assistant can be talked to.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_db::TenantTx;
use shared_models::text::SingleLine;
use shared_models::{ChannelId, Page, PageRequest};
use shared_web::{Body, Id, IdempotencyHeader, Keyed, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;

use super::script;
use crate::domain::appearance::{ChannelKind, WidgetChange, WidgetSettings};
use crate::error::Error;
use crate::state::AppState;
use crate::store::channels::{self, ChannelRow};
use crate::store::tenants;

/// Most channels of one creator.
const MAX_CHANNELS: i64 = 50;

/// A channel to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewChannel {
    /// What it is connected to.
    #[serde(rename = "kind")]
    _kind: ChannelKind,
    /// Stands at the head of the widget, so visitors read it.
    name: SingleLine<100>,
    /// Who may embed the widget, how it looks, how it answers.
    widget: WidgetSettings,
}

/// What to change; absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChannelChange {
    /// Stands at the head of the widget.
    name: Option<SingleLine<100>>,
    /// A channel that is not enabled answers nobody.
    enabled: Option<bool>,
    /// Fields of the widget.
    widget: Option<WidgetChange>,
}

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Channel {
    /// The channel.
    id: ChannelId,
    /// What it is connected to.
    kind: ChannelKind,
    /// Stands at the head of the widget.
    name: String,
    /// Whether it answers.
    enabled: bool,
    /// Who may embed the widget, how it looks, how it answers.
    widget: WidgetSettings,
    /// When it was opened.
    created_at: Timestamp,
    /// When it was changed last.
    updated_at: Timestamp,
}

impl From<ChannelRow> for Channel {
    fn from(row: ChannelRow) -> Self {
        let ChannelRow {
            id,
            name,
            enabled,
            widget,
            created_at,
            updated_at,
        } = row;
        Self {
            id,
            kind: ChannelKind::WebWidget,
            name,
            enabled,
            widget,
            created_at,
            updated_at,
        }
    }
}

/// What to paste into a page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Embed {
    /// The script of this version; its content never changes.
    script_url: String,
    /// Its hash: a browser runs nothing else (Subresource Integrity).
    integrity: &'static str,
    /// Put it before `</body>`. It names one version: take the new snippet after an upgrade.
    snippet: String,
    /// The same without a version: always the newest script, without the hash.
    latest_snippet: String,
    /// What the page's Content-Security-Policy must allow, if it has one.
    content_security_policy: String,
}

/// List channels, newest first.
#[utoipa::path(get, path = "/channels", tag = "channels", params(PageRequest),
    security(("bearer" = [])),
    responses((status = 200, body = Page<Channel>),
        (status = 401, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn list_channels(
    State(app): State<AppState>,
    caller: Permit<permit::ChannelsRead>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<Channel>>, Error> {
    let window = paging.window(&page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = channels::list(&mut tx, window.after, window.limit + 1).await?;
    let rows = rows.into_iter().map(Channel::from).collect();
    Ok(Json(paging.page(rows, window, |channel: &Channel| {
        channel.id.as_uuid()
    })))
}

/// Open a channel.
#[utoipa::path(post, path = "/channels", tag = "channels", request_body = NewChannel,
    params(IdempotencyHeader),
    security(("bearer" = [])),
    responses((status = 201, body = Channel),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, description = "too_many_channels or request_in_progress", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn create_channel(
    State(app): State<AppState>,
    caller: Permit<permit::ChannelsWrite>,
    Keyed(request, new): Keyed<NewChannel>,
) -> Result<Response, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(given) = request.replay(&mut tx).await? {
        return Ok(given.into_response());
    }
    stay_within(&mut tx, &new.widget).await?;
    let row = channels::insert(&mut tx, new.name.as_str(), &new.widget, MAX_CHANNELS).await?;
    let row = row.ok_or(Error::TooManyChannels)?;
    let location = format!("/channels/v1/channels/{}", row.id);
    let channel = Channel::from(row);
    let status = StatusCode::CREATED;
    request
        .store_response(&mut tx, status, Some(&location), &channel)
        .await?;
    tx.commit().await?;
    Ok((status, [(header::LOCATION, location)], Json(channel)).into_response())
}

/// The platform may bound where an account's widgets are embedded.
async fn stay_within(tx: &mut TenantTx, widget: &WidgetSettings) -> Result<(), Error> {
    let bounds = tenants::bounds(tx).await?;
    match bounds.origins.outside(&widget.allowed_origins) {
        None => Ok(()),
        Some(origin) => Err(Error::OriginOutside(origin.to_string())),
    }
}

/// Read one channel.
#[utoipa::path(get, path = "/channels/{id}", tag = "channels",
    params(("id" = ChannelId, Path)), security(("bearer" = [])),
    responses((status = 200, body = Channel),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, description = "unknown_channel", body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn read_channel(
    State(app): State<AppState>,
    caller: Permit<permit::ChannelsRead>,
    Id(id): Id<ChannelId>,
) -> Result<Json<Channel>, Error> {
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let row = channels::find(&mut tx, id)
        .await?
        .ok_or(Error::UnknownChannel)?;
    Ok(Json(row.into()))
}

/// Change a channel; what is named changes, the rest stays.
#[utoipa::path(patch, path = "/channels/{id}", tag = "channels",
    params(("id" = ChannelId, Path)), request_body = ChannelChange, security(("bearer" = [])),
    responses((status = 200, body = Channel),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, description = "unknown_channel", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn update_channel(
    State(app): State<AppState>,
    caller: Permit<permit::ChannelsWrite>,
    Id(id): Id<ChannelId>,
    Body(change): Body<ChannelChange>,
) -> Result<Json<Channel>, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    let old = channels::lock(&mut tx, id)
        .await?
        .ok_or(Error::UnknownChannel)?;
    let name = change
        .name
        .as_ref()
        .map_or(old.name.as_str(), SingleLine::as_str);
    let enabled = change.enabled.unwrap_or(old.enabled);
    let widget = match change.widget {
        Some(change) => {
            let widget = old.widget.changed(change);
            stay_within(&mut tx, &widget).await?;
            widget
        }
        None => old.widget,
    };
    let row = channels::update(&mut tx, id, name, enabled, &widget).await?;
    tx.commit().await?;
    Ok(Json(row.into()))
}

/// Close a channel for good. Its conversations stay readable.
#[utoipa::path(delete, path = "/channels/{id}", tag = "channels",
    params(("id" = ChannelId, Path)), security(("bearer" = [])),
    responses((status = 204),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, description = "unknown_channel", body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn delete_channel(
    State(app): State<AppState>,
    caller: Permit<permit::ChannelsWrite>,
    Id(id): Id<ChannelId>,
) -> Result<StatusCode, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    if !channels::delete(&mut tx, id).await? {
        return Err(Error::UnknownChannel);
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read what to paste into a page to embed the widget.
#[utoipa::path(get, path = "/channels/{id}/embed", tag = "channels",
    params(("id" = ChannelId, Path)), security(("bearer" = [])),
    responses((status = 200, body = Embed),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, description = "unknown_channel", body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn read_embed(
    State(app): State<AppState>,
    caller: Permit<permit::ChannelsRead>,
    Id(id): Id<ChannelId>,
) -> Result<Json<Embed>, Error> {
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let row = channels::find(&mut tx, id)
        .await?
        .ok_or(Error::UnknownChannel)?;
    let base = format!("{}/channels/v1", app.public_url);
    let script_url = format!("{base}{}", script::versioned_path());
    let integrity = script::integrity();
    let socket = base_of_sockets(&app.public_url);
    Ok(Json(Embed {
        snippet: format!(
            "<script src=\"{script_url}\" integrity=\"{integrity}\" crossorigin=\"anonymous\" \
             data-channel=\"{}\" async></script>",
            row.id
        ),
        latest_snippet: format!(
            "<script src=\"{base}/widget.js\" data-channel=\"{}\" async></script>",
            row.id
        ),
        content_security_policy: format!(
            "script-src {script_url}; connect-src {} {socket}",
            app.public_url
        ),
        script_url,
        integrity,
    }))
}

fn base_of_sockets(public_url: &str) -> String {
    match public_url.strip_prefix("http") {
        Some(rest) => format!("ws{rest}"),
        None => public_url.to_owned(),
    }
}
