//! The last step: what ai-engine made of the text is recorded on the document.

use shared_ai_client::{IndexedDocument, IndexingOutcome};
use shared_jobs::{JobContext, JobError, Outcome};
use shared_models::DocumentId;

use super::IngestDocument;
use crate::jobs::record_languages;
use crate::state::AppState;
use crate::store::documents;
use crate::store::documents::processing::{self, Finish};

/// Marks the document as searchable or failed, in the transaction that completes this job. A
/// version that is no longer the document's changes nothing.
pub(super) async fn run(
    state: &AppState,
    context: &JobContext,
    indexed: &IndexedDocument,
) -> Result<Outcome, JobError> {
    let document = DocumentId::from(context.subject());
    let version = indexed.version;
    let mut tx = context.begin().await?;
    if !context.complete(&mut tx).await? {
        return Ok(Outcome::LeaseLost);
    }
    match indexed.outcome {
        IndexingOutcome::Indexed(passages) => {
            let passages = i32::try_from(passages).unwrap_or(i32::MAX);
            let title = indexed.title.as_str();
            match processing::finish(&mut tx, document, version, title, passages).await? {
                Finish::Ready => {
                    if let Some(language) = &indexed.language {
                        record_languages::record(&mut tx, document, version, language).await?;
                    }
                }
                Finish::Unwanted => {}
                Finish::Renamed => {
                    documents::requeue(&mut tx, document).await?;
                    let again = IngestDocument::of(document);
                    state.jobs.enqueue(&mut tx, again).await?;
                }
            }
        }
        IndexingOutcome::Failed(failure) => {
            let (code, reason) = (failure.as_str(), failure.reason());
            processing::fail(&mut tx, document, Some(version), code, reason).await?;
        }
    }
    tx.commit().await?;
    Ok(Outcome::Completed)
}
