//! Indexes the text of a document that creator-hub has extracted.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use shared_ai_client::{
    DetectedLanguage, INDEX_DOCUMENT, IndexDocument, IndexedDocument, IndexingOutcome,
    IngestionFailure,
};
use shared_db::TenantTx;
use shared_jobs::{Job, JobContext, JobError, NewJob, Outcome, lease};
use shared_models::event::DocumentIndexed;
use shared_models::limits::DOCUMENT_BYTES;
use shared_models::{DocumentId, Retry};

use crate::app::index::ingest::{self, IndexedText, Supervisor, Target};
use crate::app::index::ingest_error::IngestError;
use crate::app::index::languages;
use crate::app::index::text_source::StoredText;
use crate::state::AppState;

/// The kind of creator-hub's job that records how the indexing ended. Earlier versions of
/// creator-hub know it too: one that claims it indexes the document again by itself, which finds
/// that everything is done.
const RECORD: &str = "ingest_document";
/// The result of finished work waits behind no other work.
const RECORD_PRIORITY: i16 = 10;
/// Shortest time between two progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// Progress when the text was extracted, percent.
const FIRST_PERCENT: u64 = 5;
/// Progress when all is indexed but not recorded.
const LAST_PERCENT: u64 = 99;

/// The job.
pub(crate) struct IndexDocumentJob {
    state: AppState,
}

impl IndexDocumentJob {
    pub(crate) const fn new(state: AppState) -> Self {
        Self { state }
    }

    async fn index(
        &self,
        context: &JobContext,
        wanted: &IndexDocument,
    ) -> Result<IndexedText, JobError> {
        if wanted.text.size > DOCUMENT_BYTES {
            return Err(JobError::internal(&"a text is larger than any upload"));
        }
        let (tenant, document) = (context.tenant(), DocumentId::from(context.subject()));
        let target = Target {
            tenant,
            document,
            version: wanted.version,
            title: wanted.title.as_str().to_owned(),
            kind: wanted.kind,
            access: wanted.access.clone(),
        };
        let mut text = StoredText::new(self.state.hub.clone(), tenant, document, wanted.text);
        let worker = Worker::new(context);
        let indexed = ingest::index(&self.state, &target, &mut text, &worker).await;
        let outcome = if indexed.is_ok() { "done" } else { "failed" };
        metrics::counter!("ai_engine_ingestions_total", "outcome" => outcome).increment(1);
        indexed.map_err(|error| {
            tracing::warn!(%document, %error, "document not indexed");
            error.failure().into()
        })
    }

    /// Has creator-hub record how the indexing ended, in the transaction that ends this job.
    async fn record(
        &self,
        tx: &mut TenantTx,
        context: &JobContext,
        wanted: IndexDocument,
        outcome: IndexingOutcome,
        language: Option<DetectedLanguage>,
    ) -> sqlx::Result<()> {
        let payload = IndexedDocument {
            root: wanted.root,
            version: wanted.version,
            title: wanted.title,
            outcome,
            language,
        };
        let job = NewJob::new(RECORD, context.subject()).priority(RECORD_PRIORITY);
        let job = job.payload(&payload);
        let job = job.map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        self.state.hub_jobs.enqueue(tx, job).await.map(|_| ())
    }

    async fn finish(
        &self,
        context: &JobContext,
        wanted: IndexDocument,
        text: IndexedText,
    ) -> Result<Outcome, JobError> {
        let IndexedText { passages, language } = text;
        let language = languages::detected(&self.state, language).await;
        let mut tx = context.begin().await?;
        if !context.complete(&mut tx).await? {
            return Ok(Outcome::LeaseLost);
        }
        let indexed = DocumentIndexed {
            document: context.subject().into(),
            version: wanted.version,
            passages: i32::try_from(passages).unwrap_or(i32::MAX),
        };
        self.state.events.publish(&mut tx, indexed).await?;
        let outcome = IndexingOutcome::Indexed(passages);
        self.record(&mut tx, context, wanted, outcome, language)
            .await?;
        tx.commit().await?;
        Ok(Outcome::Completed)
    }
}

impl Job for IndexDocumentJob {
    const KIND: &'static str = INDEX_DOCUMENT;
    /// A document of the largest size on a slow CPU.
    const TIMEOUT: Duration = Duration::from_hours(12);
    type Payload = IndexDocument;

    async fn run(&self, context: &JobContext, wanted: IndexDocument) -> Result<Outcome, JobError> {
        context.progress("indexing", percent(0, 1)).await?;
        let text = tokio::select! {
            indexed = self.index(context, &wanted) => indexed?,
            () = context.cancelled() => {
                let code = IngestionFailure::Cancelled;
                return Err(JobError::new(code.as_str(), code.reason(), Retry::Never));
            }
        };
        self.finish(context, wanted, text).await
    }

    async fn on_failure(
        &self,
        tx: &mut TenantTx,
        context: &JobContext,
        error: &JobError,
        failed: bool,
    ) -> sqlx::Result<()> {
        let code = IngestionFailure::of_code(&error.code);
        if !failed || code == IngestionFailure::Cancelled {
            return Ok(());
        }
        let wanted = serde_json::from_value(context.job().payload.clone());
        let wanted = wanted.map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        self.record(tx, context, wanted, IndexingOutcome::Failed(code), None)
            .await
    }
}

/// The worker that holds the lease of the job.
struct Worker<'a> {
    context: &'a JobContext,
    reported_at: Mutex<Option<Instant>>,
}

impl<'a> Worker<'a> {
    const fn new(context: &'a JobContext) -> Self {
        let reported_at = Mutex::new(None);
        Self {
            context,
            reported_at,
        }
    }

    /// Whether the last report is long enough ago for another one.
    fn is_due(&self) -> bool {
        let Ok(mut last) = self.reported_at.lock() else {
            return true;
        };
        let due = last.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

impl Supervisor for Worker<'_> {
    /// Progress is a hint: a lost report is repeated by the next one.
    async fn report(&self, done: u64, total: u64) -> Result<(), IngestError> {
        if self.is_due()
            && let Err(error) = self
                .context
                .progress("indexing", percent(done, total))
                .await
        {
            tracing::debug!(%error, "progress not recorded");
        }
        Ok(())
    }

    async fn check(&self, tx: &mut TenantTx) -> Result<(), IngestError> {
        if lease::renew_if_wanted(tx, self.context.job()).await? {
            Ok(())
        } else {
            Err(IngestError::NotOurs)
        }
    }
}

fn percent(done: u64, total: u64) -> i16 {
    let range = LAST_PERCENT - FIRST_PERCENT;
    let share = range * done.min(total) / total.max(1);
    i16::try_from(FIRST_PERCENT + share).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_runs_from_the_extraction_to_the_record() {
        let found = [(0, 10), (5, 10), (10, 10), (11, 10), (0, 0)].map(|(d, t)| percent(d, t));
        assert_eq!(found, [5, 52, 99, 99, 5]);
    }
}
