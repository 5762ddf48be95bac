//! Sites of a tenant: add, list, schedule, synchronise, delete.

pub(crate) mod pages;

use shared_models::{CreatorId, SiteId};
use shared_web::{Created, Idempotent, Once};

use super::document_access;
use crate::domain::site::{MAX_SITES, Part, SiteToAdd, SiteUpdate, StoredPage, StoredSite};
use crate::error::{Error, SiteError};
use crate::jobs::erase_site::EraseSite;
use crate::jobs::sync_site::SyncSite;
use crate::state::AppState;
use crate::store::{site_pages, sites};

/// Adds a site, whose first synchronisation begins at once.
pub(crate) async fn create<T: serde::Serialize + Sync>(
    app: &AppState,
    tenant: CreatorId,
    new: SiteToAdd,
    request: &Idempotent,
    respond: impl FnOnce(StoredSite) -> Created<T>,
) -> Result<Once<T>, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(replayed) = request.replay(&mut tx).await? {
        return Ok(Once::Replayed(replayed));
    }
    let count = sites::lock_and_count(&mut tx).await?;
    if let Some(existing) = sites::with_url(&mut tx, new.url.as_url().as_str()).await? {
        return Err(SiteError::Duplicate(existing).into());
    }
    if count >= MAX_SITES {
        return Err(SiteError::TooMany.into());
    }
    let id = sites::insert(&mut tx, &new).await?;
    app.jobs.enqueue(&mut tx, SyncSite::of(id)).await?;
    let site = sites::find(&mut tx, id).await?.ok_or(SiteError::Unknown)?;
    let created = respond(site);
    request.store(&mut tx, &created).await?;
    tx.commit().await?;
    Ok(Once::New(created))
}

/// A part of the sites, newest first.
pub(crate) async fn list(
    app: &AppState,
    tenant: CreatorId,
    part: Part,
) -> Result<Vec<StoredSite>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(sites::list(&mut tx, part).await?)
}

/// One site.
pub(crate) async fn read(
    app: &AppState,
    tenant: CreatorId,
    id: SiteId,
) -> Result<StoredSite, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let site = sites::find(&mut tx, id).await?;
    Ok(site.ok_or(SiteError::Unknown)?)
}

/// A part of the pages of a site.
pub(crate) async fn list_pages(
    app: &AppState,
    tenant: CreatorId,
    id: SiteId,
    part: Part,
) -> Result<Vec<StoredPage>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let site = sites::find(&mut tx, id).await?;
    site.ok_or(SiteError::Unknown)?;
    Ok(site_pages::list(&mut tx, id, part).await?)
}

/// Changes how often a site is synchronised, or who may see its documents.
pub(crate) async fn change(
    app: &AppState,
    tenant: CreatorId,
    id: SiteId,
    update: SiteUpdate,
) -> Result<StoredSite, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    if !sites::lock(&mut tx, id).await? {
        return Err(SiteError::Unknown.into());
    }
    if let Some(every_hours) = update.every_hours {
        sites::reschedule(&mut tx, id, every_hours).await?;
    }
    let mut documents = Vec::new();
    if let Some(visibility) = update.visibility {
        documents = sites::set_visibility(&mut tx, id, visibility).await?;
    }
    let changed = document_access::changed(app, &mut tx, &documents).await?;
    let site = sites::find(&mut tx, id).await?.ok_or(SiteError::Unknown)?;
    tx.commit().await?;
    changed.apply(app, tenant).await;
    Ok(site)
}

/// Synchronises a site now. One that is being synchronised is not synchronised a second time.
pub(crate) async fn sync(
    app: &AppState,
    tenant: CreatorId,
    id: SiteId,
) -> Result<StoredSite, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    let site = sites::find(&mut tx, id).await?.ok_or(SiteError::Unknown)?;
    app.jobs.enqueue(&mut tx, SyncSite::of(id)).await?;
    tx.commit().await?;
    Ok(site)
}

/// Synchronises every site of a tenant now, and returns their number.
pub(crate) async fn sync_all(app: &AppState, tenant: CreatorId) -> Result<usize, Error> {
    let everything = Part {
        after: None,
        limit: MAX_SITES,
    };
    let mut tx = app.db.tenant(tenant).await?;
    let all = sites::list(&mut tx, everything).await?;
    for site in &all {
        app.jobs.enqueue(&mut tx, SyncSite::of(site.id)).await?;
    }
    tx.commit().await?;
    Ok(all.len())
}

/// Deletes a site: it is hidden at once, and a job deletes its documents. Returns their number.
pub(crate) async fn delete(app: &AppState, tenant: CreatorId, id: SiteId) -> Result<i64, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    let documents = sites::hide(&mut tx, id).await?.ok_or(SiteError::Unknown)?;
    shared_jobs::rows::cancel_subject(&mut tx, id.as_uuid(), None, DELETED).await?;
    app.jobs.enqueue(&mut tx, EraseSite::of(id)).await?;
    tx.commit().await?;
    Ok(documents)
}

/// Why the jobs of a deleted site end.
pub(crate) const DELETED: &str = "the site was deleted";
