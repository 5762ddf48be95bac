//! `channel.channels`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_db::{Db, TenantTx};
use shared_models::{ChannelId, CreatorId};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::parse_column;
use super::tenants::TenantSettings;
use crate::domain::channel::ChannelKind;
use crate::domain::origin::OriginBound;
use crate::domain::widget_settings::WidgetSettings;

#[derive(Debug, Clone)]
pub(crate) struct ChannelRow {
    pub(crate) id: ChannelId,
    pub(crate) kind: ChannelKind,
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) widget: WidgetSettings,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A widget, found by its id alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WidgetRow {
    pub(crate) creator: CreatorId,
    pub(crate) name: String,
    pub(crate) settings: WidgetSettings,
}

/// Adds a widget, unless the tenant already has `max` channels.
pub(crate) async fn insert(
    tx: &mut TenantTx,
    name: &str,
    widget: &WidgetSettings,
    max: i64,
) -> sqlx::Result<Option<ChannelRow>> {
    let creator = tx.creator();
    sqlx::query(
        "insert into channel.channels (creator_id, id, kind, name, settings)
         select $1, $2, $3, $4, $5
         where (select count(*) from channel.channels where deleted_at is null) < $6
         returning id, kind, name, enabled, settings, created_at, updated_at",
    )
    .bind(creator)
    .bind(ChannelId::new())
    .bind(ChannelKind::WebWidget.as_str())
    .bind(name)
    .bind(Json(widget))
    .bind(max)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| read(&row))
    .transpose()
}

/// The ids of all channels, including deleted ones.
pub(crate) async fn ids(tx: &mut TenantTx) -> sqlx::Result<Vec<ChannelId>> {
    let rows = sqlx::query("select id from channel.channels")
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(|row| row.try_get("id")).collect()
}

/// Up to `limit` channels after that one, newest first.
pub(crate) async fn list(
    tx: &mut TenantTx,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ChannelRow>> {
    let rows = sqlx::query(
        "select id, kind, name, enabled, settings, created_at, updated_at from channel.channels
         where deleted_at is null and ($1::uuid is null or id < $1)
         order by id desc limit $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

pub(crate) async fn find(tx: &mut TenantTx, id: ChannelId) -> sqlx::Result<Option<ChannelRow>> {
    sqlx::query(
        "select id, kind, name, enabled, settings, created_at, updated_at from channel.channels
         where id = $1 and deleted_at is null",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| read(&row))
    .transpose()
}

/// Locks a channel for an update.
pub(crate) async fn lock(tx: &mut TenantTx, id: ChannelId) -> sqlx::Result<Option<ChannelRow>> {
    sqlx::query(
        "select id, kind, name, enabled, settings, created_at, updated_at from channel.channels
         where id = $1 and deleted_at is null for update",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| read(&row))
    .transpose()
}

pub(crate) async fn update(
    tx: &mut TenantTx,
    id: ChannelId,
    name: &str,
    enabled: bool,
    widget: &WidgetSettings,
) -> sqlx::Result<ChannelRow> {
    let row = sqlx::query(
        "update channel.channels
         set name = $2, enabled = $3, settings = $4, updated_at = now()
         where id = $1
         returning id, kind, name, enabled, settings, created_at, updated_at",
    )
    .bind(id)
    .bind(name)
    .bind(enabled)
    .bind(Json(widget))
    .fetch_one(tx.conn())
    .await?;
    read(&row)
}

/// Marks a channel as deleted; its transcripts stay. Returns false when there is no such channel.
pub(crate) async fn delete(tx: &mut TenantTx, id: ChannelId) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update channel.channels set deleted_at = now(), enabled = false
         where id = $1 and deleted_at is null",
    )
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The settings of an enabled channel.
pub(crate) async fn find_enabled_widget(
    tx: &mut TenantTx,
    id: ChannelId,
) -> sqlx::Result<Option<WidgetSettings>> {
    let row = sqlx::query(
        "select settings from channel.channels
         where id = $1 and enabled and deleted_at is null",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    let read = |row: PgRow| row.try_get("settings").map(|Json(settings)| settings);
    row.map(read).transpose()
}

/// An enabled widget and the settings of its account, in one round trip before the tenant is known.
pub(crate) async fn find_widget(
    db: &Db,
    id: ChannelId,
) -> sqlx::Result<Option<(WidgetRow, TenantSettings)>> {
    let sql = "select creator_id, name, settings, suspended, origins
               from channel.find_widget_with_account($1)";
    let row = db.look_up(|| sqlx::query(sql).bind(id)).await?;
    let read = |row: PgRow| -> sqlx::Result<(WidgetRow, TenantSettings)> {
        let Json(settings) = row.try_get("settings")?;
        let widget = WidgetRow {
            creator: row.try_get("creator_id")?,
            name: row.try_get("name")?,
            settings,
        };
        let origins: Vec<String> = row.try_get("origins")?;
        let account = TenantSettings {
            suspended: row.try_get("suspended")?,
            origins: OriginBound::of(&origins),
        };
        Ok((widget, account))
    };
    row.map(read).transpose()
}

fn read(row: &PgRow) -> sqlx::Result<ChannelRow> {
    let Json(widget) = row.try_get("settings")?;
    Ok(ChannelRow {
        id: row.try_get("id")?,
        kind: parse_column(row, "kind")?,
        name: row.try_get("name")?,
        enabled: row.try_get("enabled")?,
        widget,
        created_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("created_at")?
            .to_jiff(),
        updated_at: row
            .try_get::<jiff_sqlx::Timestamp, _>("updated_at")?
            .to_jiff(),
    })
}
