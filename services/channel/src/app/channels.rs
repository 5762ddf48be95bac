//! Channels of a creator.

use serde::Serialize;
use shared_cache::Key;
use shared_db::TenantTx;
use shared_models::text::SingleLine;
use shared_models::{ChannelId, CreatorId};
use shared_quota::Quota;
use shared_web::Idempotent;
use shared_web::idempotency::Replayed;
use uuid::Uuid;

use axum::http::StatusCode;

use crate::app::providers::web_widget::script::{self, EmbedCode};
use crate::domain::widget_settings::{WidgetChange, WidgetSettings};
use crate::error::Error;
use crate::state::AppState;
use crate::store::{channels, tenants};

pub(crate) use crate::store::channels::ChannelRow;

/// Largest number of channels of one creator.
const MAX_CHANNELS: i64 = 50;

/// The outcome of a request that may be a repetition.
pub(crate) enum Creation<B> {
    Created {
        location: String,
        body: B,
    },
    /// The response of the first request.
    Replayed(Replayed),
}

/// Fields of a channel to change; absent fields stay unchanged.
pub(crate) struct ChannelUpdate {
    pub(crate) name: Option<SingleLine<100>>,
    pub(crate) enabled: Option<bool>,
    pub(crate) widget: Option<WidgetChange>,
}

/// Up to `limit` channels after that one, newest first.
pub(crate) async fn list(
    app: &AppState,
    tenant: CreatorId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ChannelRow>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(channels::list(&mut tx, after, limit).await?)
}

/// Creates a channel and stores the response of an idempotent request with it.
pub(crate) async fn create<B: From<ChannelRow> + Serialize + Sync>(
    app: &AppState,
    tenant: CreatorId,
    name: &SingleLine<100>,
    widget: &WidgetSettings,
    request: &Idempotent,
) -> Result<Creation<B>, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(replayed) = request.replay(&mut tx).await? {
        return Ok(Creation::Replayed(replayed));
    }
    check_origins(&mut tx, widget).await?;
    let announce = |reached| app.events.publication(reached);
    let charged = app.quotas.charge(&mut tx, Quota::Channels, 1, announce);
    charged.await?;
    let row = channels::insert(&mut tx, name.as_str(), widget, MAX_CHANNELS).await?;
    let row = row.ok_or(Error::TooManyChannels)?;
    let location = format!("/channels/v1/channels/{}", row.id);
    let body = B::from(row);
    request
        .store_response(&mut tx, StatusCode::CREATED, Some(&location), &body)
        .await?;
    tx.commit().await?;
    Ok(Creation::Created { location, body })
}

/// The platform may restrict the origins that an account's widgets allow.
async fn check_origins(tx: &mut TenantTx, widget: &WidgetSettings) -> Result<(), Error> {
    let settings = tenants::find(tx).await?;
    match settings.origins.outside(&widget.allowed_origins) {
        None => Ok(()),
        Some(origin) => Err(Error::OriginOutside(origin.to_string())),
    }
}

pub(crate) async fn find(
    app: &AppState,
    tenant: CreatorId,
    id: ChannelId,
) -> Result<ChannelRow, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let row = channels::find(&mut tx, id).await?;
    row.ok_or(Error::UnknownChannel)
}

pub(crate) async fn update(
    app: &AppState,
    tenant: CreatorId,
    id: ChannelId,
    update: ChannelUpdate,
) -> Result<ChannelRow, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    let old = channels::lock(&mut tx, id)
        .await?
        .ok_or(Error::UnknownChannel)?;
    let name = update
        .name
        .as_ref()
        .map_or(old.name.as_str(), SingleLine::as_str);
    let enabled = update.enabled.unwrap_or(old.enabled);
    // Only a change of the widget is checked: a channel from before a restriction can be renamed.
    let widget = match update.widget {
        Some(change) => {
            let changed = old.widget.with_change(change);
            check_origins(&mut tx, &changed).await?;
            changed
        }
        None => old.widget,
    };
    let row = channels::update(&mut tx, id, name, enabled, &widget).await?;
    end_copy(app, &mut tx, id);
    tx.commit().await?;
    Ok(row)
}

/// Ends the copy of a widget when its change is committed.
fn end_copy(app: &AppState, tx: &mut TenantTx, id: ChannelId) {
    let widgets = app.widgets.clone();
    tx.after_commit_await(move || widgets.invalidate(Key::widget(id)));
}

/// Deletes a channel; its transcripts stay.
pub(crate) async fn delete(app: &AppState, tenant: CreatorId, id: ChannelId) -> Result<(), Error> {
    let mut tx = app.db.tenant(tenant).await?;
    if !channels::delete(&mut tx, id).await? {
        return Err(Error::UnknownChannel);
    }
    end_copy(app, &mut tx, id);
    Ok(tx.commit().await?)
}

/// The code that embeds a channel's widget into a page.
pub(crate) async fn embed_code(
    app: &AppState,
    tenant: CreatorId,
    id: ChannelId,
) -> Result<EmbedCode, Error> {
    let channel = find(app, tenant, id).await?;
    Ok(script::embed_code(&app.public_url, channel.id))
}
