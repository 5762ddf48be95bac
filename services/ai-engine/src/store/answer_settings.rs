//! `ai.answer_settings`: how the assistant of each tenant answers.

use shared_db::TenantTx;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use crate::domain::answer::settings::AnswerSettings;

/// Settings that were saved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SavedSettings {
    pub(crate) settings: AnswerSettings,
    pub(crate) revision: i32,
}

pub(crate) async fn find(tx: &mut TenantTx) -> sqlx::Result<Option<SavedSettings>> {
    let tenant = tx.creator();
    sqlx::query("select settings, revision from ai.answer_settings where creator_id = $1")
        .bind(tenant)
        .fetch_optional(tx.conn())
        .await?
        .map(|row| read(&row))
        .transpose()
}

/// Saves settings over a revision; 0 if none were saved. `None` if it is not the current one.
pub(crate) async fn save(
    tx: &mut TenantTx,
    settings: &AnswerSettings,
    revision: i32,
) -> sqlx::Result<Option<SavedSettings>> {
    let tenant = tx.creator();
    sqlx::query(
        "insert into ai.answer_settings as s (creator_id, settings) values ($1, $2)
         on conflict (creator_id) do update
         set settings = excluded.settings, revision = s.revision + 1, updated_at = now()
         where s.revision = $3
         returning settings, revision",
    )
    .bind(tenant)
    .bind(Json(settings))
    .bind(revision)
    .fetch_optional(tx.conn())
    .await?
    .map(|row| read(&row))
    .transpose()
}

fn read(row: &PgRow) -> sqlx::Result<SavedSettings> {
    let Json(settings) = row.try_get("settings")?;
    Ok(SavedSettings {
        settings,
        revision: row.try_get("revision")?,
    })
}
