//! Named sets of documents, to which a channel or a search can be limited.

use shared_db::{TenantTx, on_constraint};
use shared_models::text::MultiLine;
use shared_models::{CollectionId, CreatorId, DocumentId};
use shared_web::{Created, Idempotent, Once};
use uuid::Uuid;

use super::{document_access, qa_copies};
use crate::domain::collection::{Collection, CollectionChange, NewCollection};
use crate::error::Error;
use crate::state::AppState;
use crate::store::collections::{self, UNIQUE_NAME};
use crate::store::{documents, qa_pairs};

/// Most collections of an account.
const MAX_COLLECTIONS: i64 = 100;
/// Most collections that a document is in.
const MAX_COLLECTIONS_OF_DOCUMENT: i64 = 20;

/// A page of collections, newest first.
pub(crate) async fn list(
    app: &AppState,
    tenant: CreatorId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Collection>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(collections::list(&mut tx, after, limit).await?)
}

/// One collection.
pub(crate) async fn read(
    app: &AppState,
    tenant: CreatorId,
    id: CollectionId,
) -> Result<Collection, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let collection = collections::find(&mut tx, id).await?;
    collection.ok_or(Error::UnknownCollection)
}

/// Adds a collection.
pub(crate) async fn create<T: serde::Serialize + Sync>(
    app: &AppState,
    tenant: CreatorId,
    new: &NewCollection,
    request: &Idempotent,
    respond: impl FnOnce(Collection) -> Created<T>,
) -> Result<Once<T>, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(replayed) = request.replay(&mut tx).await? {
        return Ok(Once::Replayed(replayed));
    }
    let description = new.description.as_ref().map(MultiLine::as_str);
    let inserted = collections::insert(&mut tx, new.name.as_str(), description, MAX_COLLECTIONS);
    let inserted = inserted.await;
    let inserted = inserted.map_err(on_constraint(UNIQUE_NAME, Error::CollectionExists))?;
    let created = respond(inserted.ok_or(Error::TooManyCollections)?);
    request.store(&mut tx, &created).await?;
    tx.commit().await?;
    Ok(Once::New(created))
}

/// Begins a transaction and locks a collection in it, so that its documents do not change
/// meanwhile.
async fn begin(app: &AppState, tenant: CreatorId, id: CollectionId) -> Result<TenantTx, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    if collections::lock(&mut tx, id).await? {
        Ok(tx)
    } else {
        Err(Error::UnknownCollection)
    }
}

/// Changes name or description.
pub(crate) async fn change(
    app: &AppState,
    tenant: CreatorId,
    id: CollectionId,
    change: CollectionChange,
) -> Result<Collection, Error> {
    let mut tx = begin(app, tenant, id).await?;
    let old = collections::find(&mut tx, id).await?;
    let (name, description) = change.apply(&old.ok_or(Error::UnknownCollection)?);
    let updated = collections::update(&mut tx, id, &name, description.as_deref()).await;
    updated.map_err(on_constraint(UNIQUE_NAME, Error::CollectionExists))?;
    let new = collections::find(&mut tx, id).await?;
    tx.commit().await?;
    new.ok_or(Error::UnknownCollection)
}

/// Deletes a collection. Its documents and pairs stay.
pub(crate) async fn delete(
    app: &AppState,
    tenant: CreatorId,
    id: CollectionId,
) -> Result<(), Error> {
    let mut tx = app.db.tenant(tenant).await?;
    // Before the collection, in the same order as a change of a pair.
    qa_pairs::lock_and_count(&mut tx).await?;
    if !collections::lock(&mut tx, id).await? {
        return Err(Error::UnknownCollection);
    }
    let documents = collections::delete(&mut tx, id).await?;
    let pairs = qa_pairs::leave_collection(&mut tx, id).await?;
    let changed = document_access::changed(app, &mut tx, &documents).await?;
    let changed_pairs = qa_copies::changed(app, &mut tx, &pairs).await?;
    tx.commit().await?;
    changed.apply(app, tenant).await;
    changed_pairs.apply(app, tenant).await;
    Ok(())
}

/// Adds a document to a collection. Idempotent.
pub(crate) async fn add_document(
    app: &AppState,
    tenant: CreatorId,
    id: CollectionId,
    document: DocumentId,
) -> Result<(), Error> {
    let mut tx = begin(app, tenant, id).await?;
    let found = documents::find_to_change(&mut tx, document).await?;
    found.ok_or(Error::UnknownDocument)?;
    if collections::add_document(&mut tx, id, document).await? {
        let count = collections::count_of_document(&mut tx, document).await?;
        if count > MAX_COLLECTIONS_OF_DOCUMENT {
            return Err(Error::TooManyCollectionsOfDocument);
        }
        let changed = document_access::changed(app, &mut tx, &[document]).await?;
        tx.commit().await?;
        changed.apply(app, tenant).await;
    }
    Ok(())
}

/// Removes a document from a collection. Idempotent.
pub(crate) async fn remove_document(
    app: &AppState,
    tenant: CreatorId,
    id: CollectionId,
    document: DocumentId,
) -> Result<(), Error> {
    let mut tx = begin(app, tenant, id).await?;
    if collections::remove_document(&mut tx, id, document).await? {
        let changed = document_access::changed(app, &mut tx, &[document]).await?;
        tx.commit().await?;
        changed.apply(app, tenant).await;
    }
    Ok(())
}
