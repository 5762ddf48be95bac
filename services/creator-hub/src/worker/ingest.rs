//! Makes a document searchable: reads its file and has ai-engine index the text.

use std::io;
use std::time::Duration;

use futures_util::StreamExt as _;
use shared_ai_client::{IngestionEvent, NewIngestion};
use shared_config::Service;
use shared_db::jobs::{self, ClaimedJob};
use shared_models::{DocumentId, Retry};
use tokio::time::{Instant, timeout};

use super::attempt::{self, Again, Ending, Fault};
use super::{BEAT, announce};
use crate::domain::job::JobKind;
use crate::domain::text::{self, Unusable};
use crate::files;
use crate::state::{AppState, QUEUE};
use crate::store::documents;
use crate::store::documents::processing::{self, Finish, Work};

/// Longest silence of ai-engine: the first batch may wait for a model to be loaded.
const SILENCE: Duration = Duration::from_mins(5);
/// How often progress is written down, at most.
const PROGRESS: Duration = Duration::from_millis(500);
/// Progress when ai-engine has the text.
const HANDED_OVER: i16 = 5;

/// How the work itself went, before it is written down.
enum Outcome {
    Indexed { chunks: u32 },
    Fault(Fault),
    Unwanted,
    Lost,
    Stopped,
}

/// Does one attempt.
pub(super) async fn run(state: &AppState, claim: &ClaimedJob) -> sqlx::Result<Ending> {
    let Some(work) = begin(state, claim).await? else {
        return cancel(state, claim).await;
    };
    // A text that kills its worker would otherwise do so for ever.
    let outcome = if claim.attempt > claim.max_attempts {
        let reason = "processing was interrupted too often";
        Outcome::Fault(Fault::new("interrupted", reason, Again::Never))
    } else {
        tokio::select! {
            outcome = index(state, claim, &work) => outcome,
            outcome = watch(state, claim) => outcome,
            () = state.stop.cancelled() => Outcome::Stopped,
        }
    };
    match outcome {
        Outcome::Indexed { chunks } => succeed(state, claim, &work, chunks).await,
        Outcome::Fault(fault) => fail(state, claim, &fault).await,
        Outcome::Unwanted => cancel(state, claim).await,
        Outcome::Lost => Ok(Ending::Lost),
        Outcome::Stopped => attempt::release(state, claim, Duration::ZERO).await,
    }
}

async fn begin(state: &AppState, claim: &ClaimedJob) -> sqlx::Result<Option<Work>> {
    let mut tx = state.db.tenant(claim.creator).await?;
    let work = processing::begin(&mut tx, DocumentId::from(claim.subject)).await?;
    if work.is_some() {
        jobs::report_progress(&mut tx, claim, "reading", 0).await?;
    }
    tx.commit().await?;
    announce(state, claim.creator).await;
    Ok(work)
}

/// Keeps the lease, and comes back when the job is no longer ours or no longer wanted.
async fn watch(state: &AppState, claim: &ClaimedJob) -> Outcome {
    loop {
        tokio::time::sleep(BEAT).await;
        match look(state, claim).await {
            Ok((true, true)) => {}
            Ok((false, _)) => return Outcome::Lost,
            Ok((true, false)) => return Outcome::Unwanted,
            // The lease outlives a short absence of the database.
            Err(error) => tracing::warn!(%error, "a lease was not renewed"),
        }
    }
}

async fn look(state: &AppState, claim: &ClaimedJob) -> sqlx::Result<(bool, bool)> {
    let mut tx = state.db.tenant(claim.creator).await?;
    let ours = jobs::renew_lease(&mut tx, claim).await?;
    let wanted = processing::is_wanted(&mut tx, DocumentId::from(claim.subject)).await?;
    tx.commit().await?;
    Ok((ours, wanted))
}

async fn index(state: &AppState, claim: &ClaimedJob, work: &Work) -> Outcome {
    let text = match read(state, claim, work).await {
        Ok(text) => text,
        Err(fault) => return Outcome::Fault(fault),
    };
    let ingestion = NewIngestion {
        version: work.version,
        title: work.title.clone(),
        kind: work.kind.text(),
        text,
    };
    match relay(state, claim, work.id, &ingestion).await {
        Ok(chunks) => Outcome::Indexed { chunks },
        Err(fault) => Outcome::Fault(fault),
    }
}

async fn read(state: &AppState, claim: &ClaimedJob, work: &Work) -> Result<String, Fault> {
    let bytes = state.files.read(claim.creator, work.content_hash).await;
    let bytes = bytes.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            tracing::error!(document = %work.id, "the file of a document is missing");
            let reason = "the uploaded file is missing; upload it again";
            Fault::new("file_missing", reason, Again::Never)
        }
        _ => Fault::outage(files::NAME, &error),
    })?;
    // Up to the largest upload: too long for a thread that serves requests.
    let text = tokio::task::spawn_blocking(move || text::normalise(bytes)).await;
    let text = text.map_err(|error| {
        tracing::error!(%error, "a text was not read");
        Fault::new(
            "internal",
            "the platform failed; another attempt follows",
            Again::Few,
        )
    })?;
    text.map_err(|unusable| match unusable {
        Unusable::NotText => Fault::new("not_text", "the file is not text in UTF-8", Again::Never),
        Unusable::Empty => Fault::new(
            "empty_document",
            "the file holds nothing but white space",
            Again::Never,
        ),
    })
}

/// Hands the text to ai-engine and writes down how far it is.
async fn relay(
    state: &AppState,
    claim: &ClaimedJob,
    document: DocumentId,
    ingestion: &NewIngestion,
) -> Result<u32, Fault> {
    let silent = |_| Fault::outage(Service::AiEngine.name(), &"it fell silent");
    let asked = timeout(SILENCE, state.ai.ingest(claim.creator, document, ingestion));
    let mut events = asked.await.map_err(silent)??;
    report(state, claim, HANDED_OVER).await;
    let mut reported = Instant::now();
    while let Some(event) = timeout(SILENCE, events.next()).await.map_err(silent)? {
        match event? {
            IngestionEvent::Progress { done, total } if reported.elapsed() >= PROGRESS => {
                report(state, claim, share(done, total)).await;
                reported = Instant::now();
            }
            IngestionEvent::Progress { .. } => {}
            IngestionEvent::Done { chunks } => return Ok(chunks),
            IngestionEvent::Failed {
                code,
                reason,
                retry,
            } => {
                let again = match retry {
                    Retry::Never => Again::Never,
                    Retry::Limited => Again::Few,
                    Retry::UntilAvailable => Again::Always,
                };
                return Err(Fault {
                    code: code.as_str().to_owned(),
                    reason,
                    again,
                });
            }
        }
    }
    let reason = "ai-engine broke off before it was done";
    Err(Fault::new("ai_engine_interrupted", reason, Again::Few))
}

/// Between the handing over and the end, which only the end itself reports.
fn share(done: u32, total: u32) -> i16 {
    let room = i64::from(99 - HANDED_OVER);
    let part = room * i64::from(done) / i64::from(total.max(1));
    HANDED_OVER + i16::try_from(part.min(room)).unwrap_or(0)
}

/// A loss is no harm: the next report or the end says it again.
async fn report(state: &AppState, claim: &ClaimedJob, progress: i16) {
    let written = async {
        let mut tx = state.db.tenant(claim.creator).await?;
        jobs::report_progress(&mut tx, claim, "indexing", progress).await?;
        tx.commit().await
    };
    match written.await {
        Ok(()) => announce(state, claim.creator).await,
        Err(error) => tracing::debug!(%error, "progress was not written"),
    }
}

/// The document becomes searchable in the transaction that ends the job.
async fn succeed(
    state: &AppState,
    claim: &ClaimedJob,
    work: &Work,
    chunks: u32,
) -> sqlx::Result<Ending> {
    let mut tx = state.db.tenant(claim.creator).await?;
    if !jobs::complete(&mut tx, claim).await? {
        return Ok(Ending::Lost);
    }
    let chunks = i32::try_from(chunks).unwrap_or(i32::MAX);
    match processing::finish(&mut tx, work, chunks).await? {
        Finish::Ready => {}
        Finish::Renamed => {
            documents::requeue(&mut tx, work.id).await?;
            let subject = work.id.as_uuid();
            jobs::enqueue(&mut tx, QUEUE, JobKind::Ingest.as_str(), subject).await?;
        }
        Finish::Unwanted => {
            drop(tx);
            return cancel(state, claim).await;
        }
    }
    tx.commit().await?;
    Ok(Ending::Succeeded)
}

async fn fail(state: &AppState, claim: &ClaimedJob, fault: &Fault) -> sqlx::Result<Ending> {
    let mut tx = state.db.tenant(claim.creator).await?;
    let ending = attempt::record(&mut tx, claim, fault).await?;
    if ending == Ending::Failed {
        let document = DocumentId::from(claim.subject);
        processing::fail(&mut tx, document, &fault.code, &fault.reason).await?;
    }
    tx.commit().await?;
    Ok(ending)
}

/// Ends the job of a document that was deleted meanwhile.
async fn cancel(state: &AppState, claim: &ClaimedJob) -> sqlx::Result<Ending> {
    let mut tx = state.db.tenant(claim.creator).await?;
    jobs::fail(
        &mut tx,
        claim,
        "cancelled",
        "the document was deleted",
        false,
    )
    .await?;
    tx.commit().await?;
    Ok(Ending::Cancelled)
}
