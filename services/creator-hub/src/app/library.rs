//! The documents of a tenant: upload, list, describe, process, delete.

use std::time::Duration;

use shared_blobs::{BlobKey, PendingBlob};
use shared_db::TenantTx;
use shared_jobs::{Job as _, JobRow, rows};
use shared_models::event::{DocumentDeleted, DocumentUploaded};
use shared_models::{ContentHash, CreatorId, DocumentId, JobId};
use shared_web::{Created, Idempotent, Once};
use tokio::time::timeout;

use super::{document_access, quotas};
use crate::domain::document::DocumentState;
use crate::domain::library::{Description, NewDocument, Selection, StoredDocument};
use crate::domain::processing;
use crate::error::Error;
use crate::jobs::erase_document::EraseDocument;
use crate::jobs::ingest_document::IngestDocument;
use crate::state::AppState;
use crate::store::{documents, site_pages};

/// Longest wait for ai-engine when a document is deleted; after that the job alone does it.
const INDEX_DELETION_TIMEOUT: Duration = Duration::from_secs(1);
/// Why the jobs of a deleted document end.
pub(crate) const DELETED: &str = "the document was deleted";

/// A page of documents, newest first.
pub(crate) async fn list(
    app: &AppState,
    tenant: CreatorId,
    selection: &Selection<'_>,
) -> Result<Vec<StoredDocument>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    Ok(documents::list(&mut tx, selection).await?)
}

/// One document.
pub(crate) async fn read(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
) -> Result<StoredDocument, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let row = documents::find(&mut tx, id).await?;
    row.ok_or(Error::UnknownDocument)
}

/// A document and its newest job, which stands for those that continue its work.
pub(crate) async fn read_with_job(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
) -> Result<(StoredDocument, Option<JobRow>), Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let row = documents::find(&mut tx, id).await?;
    let row = row.ok_or(Error::UnknownDocument)?;
    let chain = rows::newest_chain(&mut tx, id.as_uuid()).await?;
    Ok((row, processing::as_one_job(chain)))
}

/// One job of this service. Those that continue its work are seen as one with it.
pub(crate) async fn read_job(
    app: &AppState,
    tenant: CreatorId,
    id: JobId,
) -> Result<JobRow, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let chain = rows::chain(&mut tx, id).await?;
    let row = processing::as_one_job(chain).ok_or(Error::UnknownJob)?;
    let kinds = [IngestDocument::KIND, EraseDocument::KIND];
    if kinds.contains(&row.kind.as_str()) {
        Ok(row)
    } else {
        Err(Error::UnknownJob)
    }
}

/// A file that was received and is not in its place yet.
pub(crate) struct ReceivedFile {
    pub(crate) incoming: Box<dyn PendingBlob>,
    pub(crate) hash: ContentHash,
}

/// Adds a document: its row, its job and its file appear together.
pub(crate) async fn upload<T: serde::Serialize + Sync>(
    app: &AppState,
    tenant: CreatorId,
    file: ReceivedFile,
    new: NewDocument,
    request: &Idempotent,
    respond: impl FnOnce(StoredDocument, JobRow) -> Created<T>,
) -> Result<Once<T>, Error> {
    let ReceivedFile { incoming, hash } = file;
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(replayed) = request.replay(&mut tx).await? {
        return Ok(Once::Replayed(replayed));
    }
    documents::lock_content(&mut tx, hash).await?;
    if let Some(existing) = documents::with_content(&mut tx, hash).await? {
        return Err(Error::Duplicate(existing));
    }
    quotas::charge_document(app, &mut tx, &new.file).await?;
    let row = documents::insert(&mut tx, new).await?;
    let uploaded = DocumentUploaded {
        document: row.id,
        bytes: row.file_size,
    };
    app.events.publish(&mut tx, uploaded).await?;
    let job = IngestDocument::of(row.id);
    let job = app.jobs.enqueue(&mut tx, job).await?;
    let created = respond(row, job);
    request.store(&mut tx, &created).await?;
    let key = BlobKey::upload(tenant, hash);
    incoming.promote(key).await?;
    tx.commit().await?;
    if let Err(error) = app.files.confirm(key).await {
        tracing::warn!(%error, "upload not confirmed; the next sweep checks it");
    }
    Ok(Once::New(created))
}

/// Changes title, description, tags or visibility. A searchable document is processed again under a
/// new title, since its passages cite the old one.
pub(crate) async fn describe(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
    change: impl FnOnce(&StoredDocument) -> Description,
) -> Result<StoredDocument, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    let old = documents::find_to_change(&mut tx, id).await?;
    let old = old.ok_or(Error::UnknownDocument)?;
    let new = change(&old);
    let mut row = documents::describe(&mut tx, id, &new).await?;
    // A job that is running notices the new title itself.
    if old.state == DocumentState::Ready && new.title != old.title {
        row = documents::requeue(&mut tx, id).await?;
        app.jobs.enqueue(&mut tx, IngestDocument::of(id)).await?;
    }
    let access = if new.visibility == old.visibility {
        None
    } else {
        Some(document_access::changed(app, &mut tx, &[id]).await?)
    };
    tx.commit().await?;
    if let Some(access) = access {
        access.apply(app, tenant).await;
    }
    Ok(row)
}

/// Processes a document again. Its text is extracted again only if that is missing or outdated.
pub(crate) async fn reprocess<T: serde::Serialize + Sync>(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
    request: &Idempotent,
    respond: impl FnOnce(StoredDocument, JobRow) -> Created<T>,
) -> Result<Once<T>, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(replayed) = request.replay(&mut tx).await? {
        return Ok(Once::Replayed(replayed));
    }
    let old = documents::find_to_change(&mut tx, id).await?;
    if old.ok_or(Error::UnknownDocument)?.state.is_moving() {
        return Err(Error::AlreadyProcessing);
    }
    let row = documents::requeue(&mut tx, id).await?;
    let job = app.jobs.enqueue(&mut tx, IngestDocument::of(id)).await?;
    let created = respond(row, job);
    request.store(&mut tx, &created).await?;
    tx.commit().await?;
    Ok(Once::New(created))
}

/// Hides a document and enqueues the job that erases it; none when there is no such document.
pub(crate) async fn begin_erasure(
    app: &AppState,
    tx: &mut TenantTx,
    id: DocumentId,
) -> sqlx::Result<Option<JobRow>> {
    let Some(bytes) = documents::hide(tx, id).await? else {
        return Ok(None);
    };
    let deleted = DocumentDeleted {
        document: id,
        bytes,
    };
    app.events.publish(tx, deleted).await?;
    rows::cancel_subject(tx, id.as_uuid(), None, DELETED).await?;
    let job = app.jobs.enqueue(tx, EraseDocument::of(id)).await?;
    Ok(Some(job))
}

/// Deletes a document: it is hidden and its processing stopped at once, and a job removes passages,
/// vectors and files.
///
/// ai-engine is also called before the response, so that no later answer cites the document. If it
/// does not answer soon, the job does it alone.
pub(crate) async fn delete(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
) -> Result<JobRow, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    site_pages::leave_out(&mut tx, id).await?;
    let job = begin_erasure(app, &mut tx, id).await?;
    let job = job.ok_or(Error::UnknownDocument)?;
    tx.commit().await?;
    let deletion = app.ai.delete_from_index(tenant, id);
    match timeout(INDEX_DELETION_TIMEOUT, deletion).await {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => {
            tracing::info!(%cause, "document not deleted from the index yet; the job will");
        }
        Err(_) => tracing::info!("ai-engine slow; the job will delete the document from the index"),
    }
    Ok(job)
}
