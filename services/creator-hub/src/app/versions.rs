//! The files of a document: a new one, an earlier one again, what has changed between two, and the
//! files themselves.

use std::time::{Duration, Instant};

use shared_blobs::{BlobKey, OpenBlob};
use shared_db::TenantTx;
use shared_document::Record;
use shared_jobs::JobRow;
use shared_models::event::UsageRecorded;
use shared_models::{CollectionId, ContentHash, CreatorId, DocumentId, UsageKind, Visibility};
use shared_web::{Created, Idempotent, Once};
use similar::{Algorithm, capture_diff_slices_deadline, group_diff_ops};

use super::library::ReceivedFile;
use super::quotas;
use crate::clients::extractor::{DocumentText, ReadError, TextSink};
use crate::domain::comparison::{self, CONTEXT, Comparison};
use crate::domain::document::extension;
use crate::domain::library::{FileVersion, NewFile, StoredDocument};
use crate::error::Error;
use crate::jobs::ingest_document::IngestDocument;
use crate::state::AppState;
use crate::store::{collections, document_versions, documents};

/// Earlier files that are kept beside the current one.
const EARLIER_VERSIONS: i64 = 20;
/// Bytes of the texts that are compared, as JSON Lines.
const COMPARED_BYTES: usize = 4 * 1024 * 1024;
/// Longest search for the smallest difference; after that a larger one is shown.
const COMPARISON_TIMEOUT: Duration = Duration::from_secs(2);

/// All files of a document, newest first.
pub(crate) async fn list(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
) -> Result<Vec<FileVersion>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let versions = document_versions::list(&mut tx, id).await?;
    if versions.iter().any(|version| version.is_current) {
        Ok(versions)
    } else {
        Err(Error::UnknownDocument)
    }
}

/// Gives a document a new file. The one before is kept, and is searched until the new one is ready.
pub(crate) async fn add<T: serde::Serialize + Sync>(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
    received: (ReceivedFile, NewFile),
    request: &Idempotent,
    respond: impl FnOnce(StoredDocument, JobRow) -> Created<T>,
) -> Result<Once<T>, Error> {
    let (ReceivedFile { incoming, hash }, new) = received;
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(replayed) = request.replay(&mut tx).await? {
        return Ok(Once::Replayed(replayed));
    }
    lock(&mut tx, id, hash).await?;
    let (row, job) = replace(app, &mut tx, id, &new).await?;
    let bytes = [(UsageKind::BytesUploaded, new.file_size)];
    if let Some(used) = UsageRecorded::of(&bytes) {
        app.events.publish(&mut tx, used).await?;
    }
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

/// Makes an earlier file the document's file again, as a new version.
pub(crate) async fn restore<T: serde::Serialize + Sync>(
    app: &AppState,
    tenant: CreatorId,
    (id, number): (DocumentId, i32),
    request: &Idempotent,
    respond: impl FnOnce(StoredDocument, JobRow) -> Created<T>,
) -> Result<Once<T>, Error> {
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(replayed) = request.replay(&mut tx).await? {
        return Ok(Once::Replayed(replayed));
    }
    let version = find(&mut tx, id, number).await?;
    if version.is_current {
        return Err(Error::CurrentVersion);
    }
    lock(&mut tx, id, version.file.content_hash).await?;
    let (row, job) = replace(app, &mut tx, id, &version.file).await?;
    let created = respond(row, job);
    request.store(&mut tx, &created).await?;
    tx.commit().await?;
    Ok(Once::New(created))
}

/// Locks the content and the document, which must be at rest, and refuses content that a document
/// has already.
async fn lock(tx: &mut TenantTx, id: DocumentId, content: ContentHash) -> Result<(), Error> {
    documents::lock_content(tx, content).await?;
    let old = documents::find_to_change(tx, id).await?;
    if old.ok_or(Error::UnknownDocument)?.state.is_moving() {
        return Err(Error::AlreadyProcessing);
    }
    match documents::with_content(tx, content).await? {
        Some(existing) => Err(Error::Duplicate(existing)),
        None => Ok(()),
    }
}

/// Replaces the file of a locked document and has it processed. The oldest files of many are left
/// to the sweep.
pub(crate) async fn replace(
    app: &AppState,
    tx: &mut TenantTx,
    id: DocumentId,
    new: &NewFile,
) -> Result<(StoredDocument, JobRow), Error> {
    quotas::charge_version(app, tx, new).await?;
    let row = document_versions::replace(tx, id, new).await?;
    for content in document_versions::prune(tx, id, EARLIER_VERSIONS).await? {
        let key = BlobKey::upload(tx.creator(), content);
        app.files.unconfirm(key).await?;
    }
    let job = app.jobs.enqueue(tx, IngestDocument::of(id)).await?;
    Ok((row, job))
}

async fn find(tx: &mut TenantTx, id: DocumentId, number: i32) -> Result<FileVersion, Error> {
    let versions = document_versions::list(tx, id).await?;
    if !versions.iter().any(|version| version.is_current) {
        return Err(Error::UnknownDocument);
    }
    let mut versions = versions.into_iter();
    let version = versions.find(|version| version.number == number);
    version.ok_or(Error::UnknownVersion)
}

/// Opens a file of a document: of that version, or the current one.
pub(crate) async fn open(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
    number: Option<i32>,
) -> Result<(NewFile, OpenBlob), Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let file = if let Some(number) = number {
        find(&mut tx, id, number).await?.file
    } else {
        let row = documents::find(&mut tx, id).await?;
        row.ok_or(Error::UnknownDocument)?.into_file()
    };
    drop(tx);
    let key = BlobKey::upload(tenant, file.content_hash);
    Ok((file, app.files.open(key, 0).await?))
}

/// Opens the current file of a document that visitors may open, and that is in one of the
/// collections, if there are any.
pub(crate) async fn open_public(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
    collections: &[CollectionId],
) -> Result<(NewFile, OpenBlob), Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let row = documents::find(&mut tx, id).await?;
    let row = row.ok_or(Error::UnknownDocument)?;
    let is_inside =
        collections.is_empty() || collections::has_document(&mut tx, collections, id).await?;
    if row.visibility != Visibility::Public || !is_inside {
        return Err(Error::UnknownDocument);
    }
    drop(tx);
    let file = row.into_file();
    let key = BlobKey::upload(tenant, file.content_hash);
    Ok((file, app.files.open(key, 0).await?))
}

/// What has changed between the texts of two files of a document. Both are read again, by a child
/// process each.
pub(crate) async fn compare(
    app: &AppState,
    tenant: CreatorId,
    id: DocumentId,
    (older, newer): (i32, i32),
) -> Result<Comparison, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let newer = find(&mut tx, id, newer).await?;
    let older = find(&mut tx, id, older).await?;
    drop(tx);
    let _permit = app.comparisons.try_acquire().map_err(|_| Error::Busy)?;
    let old = text_lines(app, tenant, &older).await?;
    let new = text_lines(app, tenant, &newer).await?;
    let compared = tokio::task::spawn_blocking(move || {
        let deadline = Instant::now() + COMPARISON_TIMEOUT;
        let ops = capture_diff_slices_deadline(Algorithm::Myers, &old, &new, Some(deadline));
        comparison::describe(&old, &new, &group_diff_ops(ops, CONTEXT))
    });
    compared.await.map_err(|_| Error::ComparisonFailed)
}

/// The lines of a file's text.
async fn text_lines(
    app: &AppState,
    tenant: CreatorId,
    version: &FileVersion,
) -> Result<Vec<String>, Error> {
    let key = BlobKey::upload(tenant, version.file.content_hash);
    let file = app.files.file(key).await?;
    let extension = extension(&version.file.filename);
    let mut sink = TextSink::memory(COMPARED_BYTES);
    let DocumentText { .. } = match app.extractor.read(file, extension, &mut sink).await {
        Ok(read) => read,
        Err(ReadError::File(failure)) => {
            let number = version.number;
            return Err(Error::Unreadable { number, failure });
        }
        Err(ReadError::Store(error)) => return Err(error.into()),
        Err(ReadError::Child(error)) => {
            tracing::error!(%error, "child process that reads files not started");
            return Err(Error::ComparisonFailed);
        }
    };
    let bytes = sink.into_bytes().ok_or(Error::TooLargeToCompare)?;
    let records = bytes.split(|byte| *byte == b'\n').map(Record::parse);
    let blocks = records.filter_map(|record| match record {
        Ok(Record::Block(block)) => Some(block),
        _ => None,
    });
    Ok(blocks.flat_map(|block| comparison::lines(&block)).collect())
}
