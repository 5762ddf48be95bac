//! The first step: the text of an uploaded file becomes an artefact that ai-engine indexes.

use sha2::{Digest as _, Sha256};
use shared_ai_client::{INDEX_DOCUMENT, IndexDocument, TextArtefact};
use shared_blobs::{BlobError, BlobKey, PendingBlob};
use shared_jobs::{JobContext, JobError, NewJob, Outcome};
use shared_models::text::SingleLine;
use shared_models::{DocumentId, Retry};
use tokio::io::AsyncReadExt as _;

use super::deleted;
use crate::domain::processing::EXTRACTED_PERCENT;
use crate::domain::text::{Extractor, Unusable};
use crate::files;
use crate::state::AppState;
use crate::store::artefacts;
use crate::store::documents::processing::{self, PendingDocument};

/// Bytes of a file in memory at once.
const PIECE: usize = 256 * 1024;

/// A text that is complete but not in its place.
struct Extracted {
    file: Box<dyn PendingBlob>,
    text: TextArtefact,
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
    hand_over(state, context, &work, extracted.text, Some(extracted.file)).await
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

/// Writes the text of a file beside its place, never with more than a piece of it in memory.
async fn extract(
    state: &AppState,
    context: &JobContext,
    work: &PendingDocument,
) -> Result<Extracted, JobError> {
    let key = BlobKey::upload(context.tenant(), work.content_hash);
    let opened = state.files.open(key, 0).await;
    let mut upload = opened.map_err(|error| match error {
        BlobError::NotFound => {
            tracing::error!(document = %work.id, "file of a document is missing");
            let reason = "the uploaded file is missing; upload it again";
            JobError::new("file_missing", reason, Retry::Never)
        }
        BlobError::Unavailable(_) => files::job_error(error),
    })?;
    let mut file = state.files.begin().await.map_err(files::job_error)?;
    let (mut extractor, mut hasher) = (Extractor::default(), Sha256::new());
    let (mut piece, mut text, mut size) = (vec![0; PIECE], Vec::with_capacity(PIECE), 0);
    loop {
        let read = upload.content.read(&mut piece).await;
        let read = read.map_err(files::job_error)?;
        if read == 0 {
            break;
        }
        text.clear();
        extractor
            .push(&piece[..read], &mut text)
            .map_err(unusable)?;
        hasher.update(&text);
        size += text.len() as u64;
        file.write(&text).await.map_err(files::job_error)?;
    }
    extractor.finish().map_err(unusable)?;
    file.finish().await.map_err(files::job_error)?;
    let digest: [u8; 32] = hasher.finalize().into();
    let hash = digest.into();
    Ok(Extracted {
        file,
        text: TextArtefact { hash, size },
    })
}

/// Stores the text and enqueues its indexing, in the transaction that completes this job.
async fn hand_over(
    state: &AppState,
    context: &JobContext,
    work: &PendingDocument,
    text: TextArtefact,
    file: Option<Box<dyn PendingBlob>>,
) -> Result<Outcome, JobError> {
    let title = SingleLine::parse(&work.title).map_err(|error| JobError::internal(&error))?;
    let payload = IndexDocument {
        root: context.job().id,
        version: work.version,
        title,
        kind: work.kind.text(),
        text,
    };
    let indexing = NewJob::new(INDEX_DOCUMENT, work.id.as_uuid())
        .payload(&payload)
        .map_err(|error| JobError::internal(&error))?;
    let mut tx = context.begin().await?;
    if !processing::hold(&mut tx, work.id, work.version).await? {
        return Err(deleted());
    }
    if !context.complete(&mut tx).await? {
        return Ok(Outcome::LeaseLost);
    }
    state.indexing.enqueue(&mut tx, indexing).await?;
    let key = BlobKey::text(context.tenant(), work.id);
    let is_new = file.is_some();
    if let Some(file) = file {
        artefacts::save(&mut tx, work.id, &text).await?;
        file.promote(key).await.map_err(files::job_error)?;
    }
    tx.commit().await?;
    if is_new && let Err(error) = state.files.confirm(key).await {
        tracing::warn!(%error, "text not confirmed; the next sweep checks it");
    }
    tracing::debug!(document = %work.id, percent = EXTRACTED_PERCENT, "text handed to ai-engine");
    Ok(Outcome::Completed)
}

fn unusable(unusable: Unusable) -> JobError {
    let (code, reason) = match unusable {
        Unusable::NotText => ("not_text", "the file is not text in UTF-8"),
        Unusable::Empty => ("empty_document", "the file holds nothing but white space"),
    };
    JobError::new(code, reason, Retry::Never)
}
