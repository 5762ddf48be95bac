//! Reads and saves how a tenant's assistant answers.

use shared_models::{CreatorId, entity_tag};

use crate::domain::answer::settings::AnswerSettings;
use crate::error::Error;
use crate::state::AppState;
use crate::store::answer_settings;

pub(crate) use crate::store::answer_settings::SavedSettings;

/// The settings that hold for the next question.
pub(crate) async fn current(app: &AppState, tenant: CreatorId) -> Result<AnswerSettings, Error> {
    let saved = read(app, tenant).await?;
    Ok(saved.map_or_else(AnswerSettings::default, |saved| saved.settings))
}

/// The settings, if they were ever saved.
pub(crate) async fn read(
    app: &AppState,
    tenant: CreatorId,
) -> Result<Option<SavedSettings>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(answer_settings::find(&mut tx).await?)
}

/// Replaces the settings. Once there are some, `if_match` must name the revision that is replaced,
/// so that no change of another person is lost.
pub(crate) async fn save(
    app: &AppState,
    tenant: CreatorId,
    settings: &AnswerSettings,
    if_match: Option<&str>,
) -> Result<SavedSettings, Error> {
    if let Some(server) = &settings.chat_server {
        let known = app.chat_servers.statuses();
        if !known.iter().any(|known| known.server == server.as_str()) {
            return Err(Error::InvalidField {
                field: "chat_server",
                message: "must be the name of a model server that writes answers; GET \
                          /ai-engine/v1/models lists them",
            });
        }
    }
    let mut tx = app.db.tenant(tenant).await?;
    let saved = answer_settings::find(&mut tx).await?;
    let revision = saved.map_or(0, |saved| saved.revision);
    match if_match {
        Some(tags) if !entity_tag::matches(tags, revision) => return Err(Error::Outdated),
        None if revision > 0 => return Err(Error::NoPrecondition),
        _ => {}
    }
    // Nothing comes back if they were saved in between.
    let saved = answer_settings::save(&mut tx, settings, revision).await?;
    let saved = saved.ok_or(Error::Outdated)?;
    tx.commit().await?;
    Ok(saved)
}
