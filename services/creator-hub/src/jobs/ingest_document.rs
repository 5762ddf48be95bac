//! Makes a document searchable: reads its file and has ai-engine index the text.

use std::io;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use shared_ai_client::{IngestionEvent, NewIngestion};
use shared_config::Service;
use shared_db::TenantTx;
use shared_jobs::{Job, JobContext, JobError, NewJob, Outcome};
use shared_models::{DocumentId, Retry};
use tokio::time::timeout;

use crate::clients;
use crate::domain::text::{self, Unusable};
use crate::files;
use crate::state::AppState;
use crate::store::documents;
use crate::store::documents::processing::{self, Finish, Work};

/// Longest silence of ai-engine: the first batch may wait for a model to load.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);
/// Shortest time between two progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// Progress when ai-engine has received the text, percent.
const HANDED_OVER: i16 = 5;
/// How often the job checks whether its document was deleted.
const CANCELLATION_INTERVAL: Duration = Duration::from_secs(2);

/// The job.
pub(crate) struct IngestDocument {
    state: AppState,
}

impl IngestDocument {
    pub(crate) const fn new(state: AppState) -> Self {
        Self { state }
    }

    /// A job that makes this document searchable.
    pub(crate) fn of(document: DocumentId) -> NewJob {
        NewJob::new(Self::KIND, document.as_uuid())
    }

    async fn index(&self, context: &JobContext, work: &Work) -> Result<u32, JobError> {
        let ingestion = NewIngestion {
            version: work.version,
            title: work.title.clone(),
            kind: work.kind.text(),
            text: self.read(context, work).await?,
        };
        let ai = &self.state.ai;
        let request = ai.ingest(context.tenant(), work.id, &ingestion);
        let mut events = timeout(IDLE_TIMEOUT, request)
            .await
            .map_err(|_| stalled())?
            .map_err(clients::ai_engine::job_error)?;
        report(context, HANDED_OVER).await;
        let mut reported_at = Instant::now();
        while let Some(event) = timeout(IDLE_TIMEOUT, events.next())
            .await
            .map_err(|_| stalled())?
        {
            match event.map_err(clients::ai_engine::job_error)? {
                IngestionEvent::Progress { done, total } => {
                    if reported_at.elapsed() >= PROGRESS_INTERVAL {
                        report(context, percent(done, total)).await;
                        reported_at = Instant::now();
                    }
                }
                IngestionEvent::Done { chunks } => return Ok(chunks),
                IngestionEvent::Failed {
                    code,
                    reason,
                    retry,
                } => return Err(JobError::new(code.as_str(), reason, retry)),
            }
        }
        let reason = "ai-engine stopped before the document was indexed";
        Err(JobError::new(
            "ai_engine_interrupted",
            reason,
            Retry::Limited,
        ))
    }

    async fn read(&self, context: &JobContext, work: &Work) -> Result<String, JobError> {
        let files = &self.state.files;
        let bytes = files.read(context.tenant(), work.content_hash).await;
        let bytes = bytes.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                tracing::error!(document = %work.id, "file of a document is missing");
                let reason = "the uploaded file is missing; upload it again";
                JobError::new("file_missing", reason, Retry::Never)
            }
            _ => JobError::unavailable(files::NAME, &error),
        })?;
        // Up to the largest upload: too long for a thread that serves requests.
        let text = tokio::task::spawn_blocking(move || text::normalise(bytes)).await;
        let text = text.map_err(|error| JobError::internal(&error))?;
        text.map_err(|unusable| match unusable {
            Unusable::NotText => {
                JobError::new("not_text", "the file is not text in UTF-8", Retry::Never)
            }
            Unusable::Empty => {
                let reason = "the file holds nothing but white space";
                JobError::new("empty_document", reason, Retry::Never)
            }
        })
    }

    /// Marks the document as searchable, in the transaction that completes the job.
    async fn finish(
        &self,
        context: &JobContext,
        work: &Work,
        passages: u32,
    ) -> Result<Outcome, JobError> {
        let mut tx = context.begin().await?;
        if !context.complete(&mut tx).await? {
            return Ok(Outcome::LeaseLost);
        }
        let passages = i32::try_from(passages).unwrap_or(i32::MAX);
        match processing::finish(&mut tx, work, passages).await? {
            Finish::Ready => {}
            Finish::Renamed => {
                documents::requeue(&mut tx, work.id).await?;
                let again = Self::of(work.id);
                self.state.jobs.enqueue(&mut tx, again).await?;
            }
            Finish::Unwanted => return Err(deleted()),
        }
        tx.commit().await?;
        Ok(Outcome::Completed)
    }

    /// Returns when the document is no longer to be processed.
    async fn unwanted(&self, context: &JobContext, document: DocumentId) {
        loop {
            tokio::time::sleep(CANCELLATION_INTERVAL).await;
            match is_wanted(context, document).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "state of a document not read; will retry"),
            }
        }
    }
}

impl Job for IngestDocument {
    const KIND: &'static str = "ingest_document";
    /// A document of the largest size on a slow CPU; a stalled ai-engine is noticed much earlier.
    const TIMEOUT: Duration = Duration::from_hours(12);
    type Payload = serde_json::Map<String, serde_json::Value>;

    async fn run(&self, context: &JobContext, _: Self::Payload) -> Result<Outcome, JobError> {
        let document = DocumentId::from(context.subject());
        let mut tx = context.begin().await?;
        let Some(work) = processing::begin(&mut tx, document).await? else {
            return Err(deleted());
        };
        tx.commit().await?;
        context.progress("reading", 0).await?;
        tokio::select! {
            indexed = self.index(context, &work) => self.finish(context, &work, indexed?).await,
            () = self.unwanted(context, document) => Err(deleted()),
        }
    }

    async fn on_failure(
        &self,
        tx: &mut TenantTx,
        context: &JobContext,
        error: &JobError,
        failed: bool,
    ) -> sqlx::Result<()> {
        if !failed {
            return Ok(());
        }
        let document = DocumentId::from(context.subject());
        processing::fail(tx, document, &error.code, &error.reason).await
    }
}

async fn is_wanted(context: &JobContext, document: DocumentId) -> sqlx::Result<bool> {
    let mut tx = context.begin_read().await?;
    processing::is_wanted(&mut tx, document).await
}

/// Progress is a hint: a lost report is repeated by the next one.
async fn report(context: &JobContext, percent: i16) {
    if let Err(error) = context.progress("indexing", percent).await {
        tracing::debug!(%error, "progress not recorded");
    }
}

/// Progress between the hand-over and completion, which only completion reports.
fn percent(done: u32, total: u32) -> i16 {
    let range = i64::from(99 - HANDED_OVER);
    let share = range * i64::from(done) / i64::from(total.max(1));
    HANDED_OVER + i16::try_from(share.min(range)).unwrap_or(0)
}

fn deleted() -> JobError {
    JobError::new("cancelled", "the document was deleted", Retry::Never)
}

fn stalled() -> JobError {
    JobError::unavailable(Service::AiEngine.name(), &"no event before the timeout")
}
