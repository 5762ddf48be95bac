//! A text becomes searchable: rows, vectors, and then in one step the version that is searched.
//!
//! Rows come before vectors, so that a vector without a row can only be old, and may be swept.
//! Nothing is seen before the switch: readers join on the active version.

use std::collections::HashSet;

use shared_ai_client::{IngestionEvent, NewIngestion};
use shared_config::Store;
use shared_db::{is_conflict, is_unavailable};
use shared_models::{ChunkId, CreatorId, DocumentId};
use tokio::sync::mpsc;
use tokio::task::JoinError;

use crate::chroma::ChromaError;
use crate::domain::chunking::{self, Passage};
use crate::domain::identity::{self, Origin};
use crate::ollama::OllamaError;
use crate::pipeline::embed::{BATCH, EmbedError};
use crate::state::AppState;
use crate::store::{chunks, documents};

/// Where the events go; closed when the caller has left.
pub type Events = mpsc::Sender<IngestionEvent>;

/// What ends an ingestion early.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("the caller has left")]
    CallerLeft,
    #[error("the document holds no text")]
    Empty,
    #[error("a newer version is at work, or the document was deleted")]
    Superseded,
    #[error("splitting failed: {0}")]
    Split(#[from] JoinError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
    #[error(transparent)]
    Chroma(#[from] ChromaError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<OllamaError> for Stop {
    fn from(error: OllamaError) -> Self {
        Self::Embed(error.into())
    }
}

/// One document on its way.
struct Work {
    creator: CreatorId,
    document: DocumentId,
    version: i32,
    title: String,
    passages: Vec<Passage>,
    ids: Vec<ChunkId>,
}

/// Makes a document searchable and tells how far it is. Ends when the caller leaves; what is done
/// by then is not done again by a repeat.
pub async fn ingest(
    app: AppState,
    creator: CreatorId,
    document: DocumentId,
    new: NewIngestion,
    events: Events,
) {
    let outcome = run(&app, creator, document, new, &events).await;
    let (label, last) = match outcome {
        Ok(chunks) => ("done", IngestionEvent::Done { chunks }),
        Err(Stop::CallerLeft) => {
            metrics::counter!("ai_ingestions_total", "outcome" => "abandoned").increment(1);
            return;
        }
        Err(stop) => {
            tracing::warn!(%document, error = %stop, "a document could not be indexed");
            ("failed", failed(&stop))
        }
    };
    metrics::counter!("ai_ingestions_total", "outcome" => label).increment(1);
    let _ = events.send(last).await;
}

async fn run(
    app: &AppState,
    creator: CreatorId,
    document: DocumentId,
    new: NewIngestion,
    events: &Events,
) -> Result<u32, Stop> {
    let work = split(app, creator, document, new).await?;
    let total = count(work.ids.len());
    begin(app, &work).await?;
    let dimension = app.embedder.dimension().await?;
    let mut missing = app.vectors.missing(creator, dimension, &work.ids).await?;
    let done = total.saturating_sub(count(missing.len()));
    tell(events, done, total).await?;
    let refused = embed(app, &work, &missing, events).await?;
    missing = app.vectors.missing(creator, dimension, &work.ids).await?;
    let lost = missing.difference(&refused).count();
    if lost > 0 {
        return Err(ChromaError::Lost(lost).into());
    }
    let switched = switch(app, &work).await?;
    sweep(app, &work).await?;
    if switched {
        Ok(total)
    } else {
        Err(Stop::Superseded)
    }
}

async fn split(
    app: &AppState,
    creator: CreatorId,
    document: DocumentId,
    new: NewIngestion,
) -> Result<Work, Stop> {
    let NewIngestion {
        version,
        title,
        kind,
        text,
    } = new;
    let model = app.embedder.model().clone();
    let cut = move || {
        let passages = chunking::passages(kind, &text, model.window());
        let origin = Origin {
            creator,
            document,
            model: &model.name,
        };
        let ids = identity::chunk_ids(origin, &passages);
        (passages, ids)
    };
    // Seconds of work for a large text: not on a thread that serves requests.
    let (passages, ids) = tokio::task::spawn_blocking(cut).await?;
    if passages.is_empty() {
        return Err(Stop::Empty);
    }
    Ok(Work {
        creator,
        document,
        version,
        title,
        passages,
        ids,
    })
}

async fn begin(app: &AppState, work: &Work) -> Result<(), Stop> {
    let mut tx = app.db.tenant(work.creator).await?;
    if !documents::begin(&mut tx, work.document, &work.title, work.version).await? {
        return Err(Stop::Superseded);
    }
    chunks::insert(
        &mut tx,
        work.document,
        work.version,
        &work.ids,
        &work.passages,
    )
    .await?;
    Ok(tx.commit().await?)
}

/// Gives vectors to the passages that have none; returns those that the model refuses.
async fn embed(
    app: &AppState,
    work: &Work,
    missing: &HashSet<ChunkId>,
    events: &Events,
) -> Result<HashSet<ChunkId>, Stop> {
    let pairs = work.ids.iter().zip(&work.passages);
    let open: Vec<(ChunkId, String)> = pairs
        .filter(|(id, _)| missing.contains(id))
        .map(|(id, passage)| (*id, passage.embedded_text()))
        .collect();
    let total = count(work.ids.len());
    let mut done = total.saturating_sub(count(open.len()));
    let mut refused = HashSet::new();
    for batch in open.chunks(BATCH) {
        let texts: Vec<String> = batch.iter().map(|(_, text)| text.clone()).collect();
        let found = tokio::select! {
            () = events.closed() => return Err(Stop::CallerLeft),
            found = app.embedder.documents(&texts) => found?,
        };
        let mut vectors = Vec::with_capacity(batch.len());
        for ((id, _), vector) in batch.iter().zip(found) {
            match vector {
                Some(vector) => vectors.push((*id, vector)),
                None => {
                    refused.insert(*id);
                }
            }
        }
        metrics::counter!("ai_passages_embedded_total").increment(vectors.len() as u64);
        app.vectors
            .add(work.creator, work.document, work.version, vectors)
            .await?;
        done += count(batch.len());
        tell(events, done, total).await?;
    }
    Ok(refused)
}

/// Makes this version the one that is searched, in one transaction.
async fn switch(app: &AppState, work: &Work) -> Result<bool, Stop> {
    let mut tx = app.db.tenant(work.creator).await?;
    if !documents::activate(&mut tx, work.document, &work.title, work.version).await? {
        return Ok(false);
    }
    chunks::settle(&mut tx, work.document, work.version, &work.ids).await?;
    tx.commit().await?;
    Ok(true)
}

/// Deletes the document's vectors that no row stands behind. The vectors are listed first: a row
/// comes before its vector, so one that is at work elsewhere is seen in the second step.
async fn sweep(app: &AppState, work: &Work) -> Result<(), Stop> {
    let listed = app.vectors.of_document(work.creator, work.document).await?;
    let mut tx = app.db.tenant_read(work.creator).await?;
    let rows = chunks::ids_of(&mut tx, work.document).await?;
    drop(tx);
    let kept: HashSet<String> = rows.iter().map(ToString::to_string).collect();
    for (collection, mut ids) in listed {
        ids.retain(|id| !kept.contains(id));
        if !ids.is_empty() {
            app.vectors.delete(collection, ids).await?;
        }
    }
    Ok(())
}

async fn tell(events: &Events, done: u32, total: u32) -> Result<(), Stop> {
    let sent = events.send(IngestionEvent::Progress { done, total }).await;
    sent.map_err(|_| Stop::CallerLeft)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// What the caller learns. Only what lies in the document itself is beyond another try.
fn failed(stop: &Stop) -> IngestionEvent {
    let away = |store: Store| {
        let reason = format!("{} does not answer", store.name());
        ("dependency_unavailable", reason, true)
    };
    let (code, reason, retry) = match stop {
        Stop::CallerLeft | Stop::Superseded => ("superseded", stop.to_string(), false),
        Stop::Empty => ("empty_document", stop.to_string(), false),
        Stop::Split(_) => ("internal", "the text could not be split".to_owned(), false),
        Stop::Embed(EmbedError::Overloaded(cause)) => ("overloaded", cause.to_string(), true),
        Stop::Embed(EmbedError::Ollama(cause)) => match cause {
            OllamaError::Unreachable(_) | OllamaError::Slow(_) => away(Store::Ollama),
            other => (other.code(), other.to_string(), true),
        },
        Stop::Chroma(ChromaError::Unreachable(_)) => away(Store::Chroma),
        Stop::Chroma(cause) => ("vector_store_failed", cause.to_string(), true),
        Stop::Database(sqlx::Error::Database(cause)) if cause.is_foreign_key_violation() => {
            ("superseded", Stop::Superseded.to_string(), false)
        }
        Stop::Database(cause) if is_unavailable(cause) => away(Store::Postgres),
        Stop::Database(cause) if is_conflict(cause) => ("contended", cause.to_string(), true),
        // A missing right or a broken statement: no other try mends it.
        Stop::Database(_) => (
            "internal",
            "the passages could not be kept".to_owned(),
            false,
        ),
    };
    IngestionEvent::Failed {
        code: code.to_owned(),
        reason,
        retry,
    }
}

/// Forgets a document: rows first, so that nothing finds it any more, then its vectors.
pub async fn forget(
    app: &AppState,
    creator: CreatorId,
    document: DocumentId,
) -> Result<(), crate::error::Error> {
    let mut tx = app.db.tenant(creator).await?;
    documents::delete(&mut tx, document).await?;
    tx.commit().await?;
    Ok(app.vectors.forget(creator, document).await?)
}
