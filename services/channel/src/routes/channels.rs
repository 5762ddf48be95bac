//! Channels of a creator: where visitors reach the creator's assistant.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::text::SingleLine;
use shared_models::{ChannelId, Page, PageRequest};
use shared_web::{Body, Id, IdempotencyHeader, Keyed, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;

use crate::app::channels::{self, ChannelRow, ChannelUpdate, Creation};
use crate::app::providers::web_widget::script::EmbedCode;
use crate::domain::channel::ChannelKind;
use crate::domain::widget_settings::{WidgetChange, WidgetSettings};
use crate::error::Error;
use crate::state::AppState;

/// A channel to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewChannel {
    /// What the channel is connected to.
    #[serde(rename = "kind")]
    _kind: ChannelKind,
    /// The widget's title, which visitors see.
    name: SingleLine<100>,
    /// The widget's allowed origins, appearance and answer mode.
    widget: WidgetSettings,
}

/// Fields to change; absent fields stay unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChannelChange {
    /// The widget's title.
    name: Option<SingleLine<100>>,
    /// A disabled channel accepts no messages.
    enabled: Option<bool>,
    /// Fields of the widget to change.
    widget: Option<WidgetChange>,
}

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Channel {
    /// The channel.
    id: ChannelId,
    /// What the channel is connected to.
    kind: ChannelKind,
    /// The widget's title.
    name: String,
    /// Whether the channel accepts messages.
    enabled: bool,
    /// The widget's allowed origins, appearance and answer mode.
    widget: WidgetSettings,
    /// When the channel was created.
    created_at: Timestamp,
    /// When the channel was last changed.
    updated_at: Timestamp,
}

impl From<ChannelRow> for Channel {
    fn from(row: ChannelRow) -> Self {
        let ChannelRow {
            id,
            kind,
            name,
            enabled,
            widget,
            created_at,
            updated_at,
        } = row;
        Self {
            id,
            kind,
            name,
            enabled,
            widget,
            created_at,
            updated_at,
        }
    }
}

/// The code that embeds the widget into a page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Embed {
    /// The script of this version. Its content never changes.
    script_url: String,
    /// The script's hash for Subresource Integrity: browsers run no other script.
    integrity: &'static str,
    /// Place it before `</body>`. It names one version: replace it after an upgrade.
    snippet: String,
    /// The same without version and hash: always loads the latest script.
    latest_snippet: String,
    /// What the page's Content-Security-Policy, if it has one, must allow.
    content_security_policy: String,
}

impl From<EmbedCode> for Embed {
    fn from(code: EmbedCode) -> Self {
        let EmbedCode {
            script_url,
            integrity,
            snippet,
            latest_snippet,
            content_security_policy,
        } = code;
        Self {
            script_url,
            integrity,
            snippet,
            latest_snippet,
            content_security_policy,
        }
    }
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
    let limit = window.limit + 1;
    let rows = channels::list(&app, caller.tenant, window.after, limit).await?;
    let listed = rows.into_iter().map(Channel::from).collect();
    Ok(Json(paging.page(listed, window, |channel: &Channel| {
        channel.id.as_uuid()
    })))
}

/// Create a channel.
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
    let NewChannel { name, widget, .. } = &new;
    let creation = channels::create::<Channel>(&app, caller.tenant, name, widget, &request).await?;
    Ok(match creation {
        Creation::Created { location, body } => {
            let headers = [(header::LOCATION, location)];
            (StatusCode::CREATED, headers, Json(body)).into_response()
        }
        Creation::Replayed(response) => response.into_response(),
    })
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
    let row = channels::find(&app, caller.tenant, id).await?;
    Ok(Json(row.into()))
}

/// Change a channel.
///
/// Absent fields stay unchanged.
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
    let update = ChannelUpdate {
        name: change.name,
        enabled: change.enabled,
        widget: change.widget,
    };
    let row = channels::update(&app, caller.tenant, id, update).await?;
    Ok(Json(row.into()))
}

/// Delete a channel.
///
/// Its conversations remain readable.
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
    channels::delete(&app, caller.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read the code that embeds the widget into a page.
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
    let code = channels::embed_code(&app, caller.tenant, id).await?;
    Ok(Json(code.into()))
}
