//! What becomes of a page that was fetched: a new document, a new version of one, or nothing new.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};
use shared_blobs::{BlobKey, PendingBlob};
use shared_db::TenantTx;
use shared_extract::kind::{self, Kind};
use shared_fetch::{FetchFailure, Page, without_changing_parts};
use shared_jobs::{JobContext, JobError};
use shared_models::event::{DocumentUploaded, UsageRecorded};
use shared_models::{ContentHash, DocumentId, Retry, UsageKind};
use shared_quota::ChargeError;
use url::Url;

use crate::app::{library, quotas, versions};
use crate::domain::document::extension;
use crate::domain::library::{NewDocument, NewFile, Origin};
use crate::domain::site::{filename_of, title_of};
use crate::error::Error;
use crate::files;
use crate::jobs::ingest_document::IngestDocument;
use crate::state::AppState;
use crate::store::documents;
use crate::store::site_pages::{self, UnreadPage};
use crate::store::sites::{
    self,
    rounds::{self, Round},
};

/// A page as a file that is complete but not in its place.
pub(crate) struct PageFile {
    incoming: Box<dyn PendingBlob>,
    file: NewFile,
}

/// Writes a page to a temporary file. A page of a kind that is not read is refused.
pub(crate) async fn receive(
    app: &AppState,
    found: &Page,
) -> Result<Result<PageFile, FetchFailure>, JobError> {
    let filename = filename_of(&found.url, found.content_type.as_deref());
    let head = &found.body[..found.body.len().min(kind::HEAD)];
    let kind = kind::of_head(head, extension(&filename));
    let kind = match kind {
        Ok(kind) if !found.body.is_empty() => kind,
        _ => return Ok(Err(FetchFailure::Unsupported)),
    };
    let body = if kind == Kind::Html {
        without_changing_parts(&found.body)
    } else {
        Cow::Borrowed(&found.body[..])
    };
    let mut incoming = app.files.begin().await.map_err(files::job_error)?;
    let written = incoming.write(&body).await;
    written.map_err(files::job_error)?;
    incoming.finish().await.map_err(files::job_error)?;
    let digest: [u8; 32] = Sha256::digest(&body).into();
    let file = NewFile {
        filename,
        kind: kind.into(),
        file_size: i64::try_from(body.len()).unwrap_or(i64::MAX),
        content_hash: digest.into(),
    };
    Ok(Ok(PageFile { incoming, file }))
}

/// The round is over, or its site was deleted.
fn over() -> JobError {
    JobError::new("cancelled", super::DELETED, Retry::Never)
}

/// Stores what a page contains now, unless the document has that already.
pub(crate) async fn store(
    app: &AppState,
    context: &JobContext,
    round: &Round,
    page: &UnreadPage,
    found: &Page,
    received: PageFile,
) -> Result<Result<(), FetchFailure>, JobError> {
    let PageFile { incoming, file } = received;
    let key = BlobKey::upload(context.tenant(), file.content_hash);
    let mut tx = context.begin().await?;
    documents::lock_content(&mut tx, file.content_hash).await?;
    if !rounds::hold(&mut tx, round).await? {
        return Err(over());
    }
    let Some(known) = site_pages::hold(&mut tx, page.id).await? else {
        return Ok(Ok(()));
    };
    let document = match change(&mut tx, known, file.content_hash).await? {
        Change::Refused(failure) => return Ok(Err(failure)),
        Change::None(document) => {
            site_pages::stored(&mut tx, round, page.id, document, &found.validators).await?;
            tx.commit().await?;
            return Ok(Ok(()));
        }
        Change::New => match quotas::charge_document(app, &mut tx, &file).await {
            Ok(()) => add(app, &mut tx, round, page, file).await?,
            Err(ChargeError::Exceeded(_)) => return Ok(Err(FetchFailure::QuotaExceeded)),
            Err(ChargeError::Database(error)) => return Err(error.into()),
        },
        Change::Version(document) => match add_version(app, &mut tx, document, &file).await? {
            Ok(()) => document,
            Err(failure) => return Ok(Err(failure)),
        },
    };
    site_pages::stored(&mut tx, round, page.id, document, &found.validators).await?;
    incoming.promote(key).await.map_err(files::job_error)?;
    tx.commit().await?;
    if let Err(error) = app.files.confirm(key).await {
        tracing::warn!(%error, "page not confirmed; the next sweep checks it");
    }
    Ok(Ok(()))
}

/// Gives the document of a page another file.
async fn add_version(
    app: &AppState,
    tx: &mut TenantTx,
    document: DocumentId,
    file: &NewFile,
) -> Result<Result<(), FetchFailure>, JobError> {
    let replaced = versions::replace(app, tx, document, file).await;
    if let Err(error) = replaced {
        return match error {
            Error::Quota(ChargeError::Exceeded(_)) => Ok(Err(FetchFailure::QuotaExceeded)),
            Error::Quota(ChargeError::Database(error)) | Error::Database(error) => {
                Err(error.into())
            }
            Error::Files(error) => Err(files::job_error(error)),
            error => Err(JobError::internal(&error)),
        };
    }
    let bytes = [(UsageKind::BytesUploaded, file.file_size)];
    if let Some(used) = UsageRecorded::of(&bytes) {
        app.events.publish(tx, used).await?;
    }
    Ok(Ok(()))
}

/// What the content of a page means for the documents.
enum Change {
    /// The document has it already.
    None(DocumentId),
    /// It is of no document yet, and the page has none.
    New,
    /// It is new for the document of the page.
    Version(DocumentId),
    /// It cannot be stored.
    Refused(FetchFailure),
}

async fn change(
    tx: &mut TenantTx,
    known: Option<DocumentId>,
    content: ContentHash,
) -> sqlx::Result<Change> {
    let document = match known {
        Some(known) => documents::find_to_change(tx, known).await?,
        None => None,
    };
    if let Some(document) = &document
        && document.content_hash == content
    {
        return Ok(Change::None(document.id));
    }
    if documents::with_content(tx, content).await?.is_some() {
        return Ok(Change::Refused(FetchFailure::Duplicate));
    }
    Ok(match document {
        None => Change::New,
        Some(document) if document.state.is_moving() => {
            Change::Refused(FetchFailure::StillProcessing)
        }
        Some(document) => Change::Version(document.id),
    })
}

/// Adds a document for a page.
async fn add(
    app: &AppState,
    tx: &mut TenantTx,
    round: &Round,
    page: &UnreadPage,
    file: NewFile,
) -> Result<DocumentId, JobError> {
    let url = Url::parse(&page.url).map_err(|error| JobError::internal(&error))?;
    let new = NewDocument {
        title: title_of(page.title.as_deref(), &url),
        description: None,
        tags: Vec::new(),
        visibility: sites::visibility(tx, round.site).await?,
        file,
        origin: Some(Origin {
            site: round.site,
            url: page.url.clone(),
        }),
    };
    let row = documents::insert(tx, new).await?;
    let uploaded = DocumentUploaded {
        document: row.id,
        bytes: row.file_size,
    };
    app.events.publish(tx, uploaded).await?;
    let job = IngestDocument::of(row.id);
    app.jobs.enqueue(tx, job).await?;
    Ok(row.id)
}

/// Records that a page is the same as before, or why it was not read. One that is no longer there
/// goes with its document.
pub(crate) async fn record(
    app: &AppState,
    context: &JobContext,
    round: &Round,
    page: &UnreadPage,
    failure: Option<FetchFailure>,
) -> Result<(), JobError> {
    let mut tx = context.begin().await?;
    if !rounds::hold(&mut tx, round).await? {
        return Err(over());
    }
    let known = site_pages::hold(&mut tx, page.id).await?.flatten();
    if failure == Some(FetchFailure::Missing)
        && let Some(document) = known
    {
        library::begin_erasure(app, &mut tx, document).await?;
        site_pages::part(&mut tx, page.id).await?;
    }
    let code = failure.map(FetchFailure::as_str);
    site_pages::dealt_with(&mut tx, round, page.id, code).await?;
    Ok(tx.commit().await?)
}
