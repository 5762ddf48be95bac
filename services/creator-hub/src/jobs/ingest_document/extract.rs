//! The first step: the text of an uploaded file becomes an artefact that ai-engine indexes.

use shared_ai_client::{DocumentAccess, INDEX_DOCUMENT, IndexDocument, TextArtefact, TextKind};
use shared_blobs::{BlobError, BlobKey, PendingBlob};
use shared_document::{ReadFailure, Warning};
use shared_jobs::{JobContext, JobError, NewJob, Outcome};
use shared_models::text::SingleLine;
use shared_models::{DocumentId, Retry};

use super::deleted;
use crate::clients::extractor::{DocumentText, ReadError, TextSink};
use crate::domain::document::{extension, fitting_title};
use crate::domain::processing::EXTRACTED_PERCENT;
use crate::files;
use crate::state::AppState;
use crate::store::documents::processing::{self, PendingDocument};
use crate::store::{artefacts, document_access};

/// A text that is complete but not in its place.
struct Extracted {
    file: Box<dyn PendingBlob>,
    text: TextArtefact,
    warnings: Vec<Warning>,
    title: Option<String>,
}

/// Extracts the text, unless that was done before, and hands it to ai-engine.
pub(super) async fn run(state: &AppState, context: &JobContext) -> Result<Outcome, JobError> {
    let document = DocumentId::from(context.subject());
    let mut tx = context.begin().await?;
    let Some(work) = processing::begin(&mut tx, document).await? else {
        return Err(deleted());
    };
    let known = artefacts::find(&mut tx, document).await?;
    tx.commit().await?;
    context.progress("reading", 0).await?;
    if let Some(text) = known
        && is_stored(state, context, document, text).await?
    {
        return hand_over(state, context, &work, text, None).await;
    }
    let extracted = tokio::select! {
        extracted = extract(state, context, &work) => extracted?,
        () = context.cancelled() => return Err(deleted()),
    };
    let text = extracted.text;
    hand_over(state, context, &work, text, Some(extracted)).await
}

/// Whether the file of a text is still there, so that it need not be extracted again.
async fn is_stored(
    state: &AppState,
    context: &JobContext,
    document: DocumentId,
    text: TextArtefact,
) -> Result<bool, JobError> {
    let key = BlobKey::text(context.tenant(), document);
    match state.files.size(key).await {
        Ok(size) => Ok(size == text.size),
        Err(BlobError::NotFound) => Ok(false),
        Err(error) => Err(files::job_error(error)),
    }
}

/// Extracts the text in a child process, and writes it to a temporary file.
async fn extract(
    state: &AppState,
    context: &JobContext,
    work: &PendingDocument,
) -> Result<Extracted, JobError> {
    let key = BlobKey::upload(context.tenant(), work.content_hash);
    let opened = state.files.file(key).await;
    let upload = opened.map_err(|error| match error {
        BlobError::NotFound => {
            tracing::error!(document = %work.id, "file of a document is missing");
            let reason = "the uploaded file is missing; upload it again";
            JobError::new("file_missing", reason, Retry::Never)
        }
        BlobError::Unavailable(_) => files::job_error(error),
    })?;
    let file = state.files.begin().await.map_err(files::job_error)?;
    let mut sink = TextSink::File(file);
    let extension = extension(&work.filename);
    let read = state.extractor.read(upload, extension, &mut sink).await;
    let read = read.map_err(|error| unread(work.id, error))?;
    let DocumentText {
        text,
        warnings,
        title,
    } = read;
    let TextSink::File(mut file) = sink else {
        return Err(JobError::internal(&"the text is not in a file"));
    };
    file.finish().await.map_err(files::job_error)?;
    Ok(Extracted {
        file,
        text,
        warnings,
        title,
    })
}

/// Stores the text and enqueues its indexing, in the transaction that completes this job.
async fn hand_over(
    state: &AppState,
    context: &JobContext,
    work: &PendingDocument,
    text: TextArtefact,
    new: Option<Extracted>,
) -> Result<Outcome, JobError> {
    let mut tx = context.begin().await?;
    if !processing::hold(&mut tx, work.id, work.version).await? {
        return Err(deleted());
    }
    if !context.complete(&mut tx).await? {
        return Ok(Outcome::LeaseLost);
    }
    let own_title = new.as_ref().and_then(|new| new.title.as_deref());
    let title = match own_title.and_then(fitting_title) {
        Some(title) => processing::retitle(&mut tx, work.id, &title).await?,
        None => work.title.clone(),
    };
    let access = document_access::find(&mut tx, work.id).await?;
    let indexing = indexing(context, work, &title, text, access)?;
    state.indexing.enqueue(&mut tx, indexing).await?;
    let key = BlobKey::text(context.tenant(), work.id);
    let is_new = new.is_some();
    if let Some(new) = new {
        artefacts::save(&mut tx, work.id, &text).await?;
        processing::warn(&mut tx, work.id, &new.warnings).await?;
        new.file.promote(key).await.map_err(files::job_error)?;
    }
    tx.commit().await?;
    if is_new && let Err(error) = state.files.confirm(key).await {
        tracing::warn!(%error, "text not confirmed; the next sweep checks it");
    }
    tracing::debug!(document = %work.id, percent = EXTRACTED_PERCENT, "text handed to ai-engine");
    Ok(Outcome::Completed)
}

/// The job that indexes a text under that title.
fn indexing(
    context: &JobContext,
    work: &PendingDocument,
    title: &str,
    text: TextArtefact,
    access: Option<DocumentAccess>,
) -> Result<NewJob, JobError> {
    let title = SingleLine::parse(title).map_err(|error| JobError::internal(&error))?;
    let payload = IndexDocument {
        root: context.job().id,
        version: work.version,
        title,
        kind: TextKind::Blocks,
        text,
        access,
    };
    let indexing = NewJob::new(INDEX_DOCUMENT, work.id.as_uuid()).payload(&payload);
    indexing.map_err(|error| JobError::internal(&error))
}

/// A failure that the file causes is permanent; its reason tells the creator what to do.
fn unread(document: DocumentId, error: ReadError) -> JobError {
    match error {
        ReadError::File(failure) => {
            tracing::info!(%document, code = failure.as_str(), "file not read");
            let retry = match failure {
                ReadFailure::ReaderFailed => Retry::Limited,
                _ => Retry::Never,
            };
            JobError::new(failure.as_str(), failure.reason(), retry)
        }
        ReadError::Store(error) => files::job_error(error),
        ReadError::Child(error) => JobError::internal(&error),
    }
}
