//! Reading and saving a creator's profile.

use shared_models::{CreatorId, entity_tag};

use crate::domain::saved_profile::{ProfileFields, SavedProfile};
use crate::error::Error;
use crate::state::AppState;
use crate::store::profiles;

/// The profile, if it was ever saved.
pub(crate) async fn read(app: &AppState, tenant: CreatorId) -> Result<Option<SavedProfile>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(profiles::find(&mut tx).await?)
}

/// Replaces the profile. Once one exists, `if_match` must name the version that is replaced, so
/// that nobody overwrites a version that they have not seen.
pub(crate) async fn save(
    app: &AppState,
    tenant: CreatorId,
    fields: ProfileFields,
    if_match: Option<&str>,
) -> Result<SavedProfile, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    let version = profiles::find(&mut tx).await?.map_or(0, |row| row.version);
    match if_match {
        Some(tags) if !entity_tag::matches(tags, version) => return Err(Error::Outdated),
        None if version > 0 => return Err(Error::NoPrecondition),
        _ => {}
    }
    // Nothing comes back if somebody else saved in between.
    let saved = profiles::save(&mut tx, fields, version).await?;
    let row = saved.ok_or(Error::Outdated)?;
    tx.commit().await?;
    Ok(row)
}
