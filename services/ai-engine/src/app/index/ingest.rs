//! Makes a text searchable: inserts rows, adds vectors, then activates the version in one step.
//!
//! Rows precede vectors, so a vector without a row is always left over and can be deleted. Readers
//! join on the active version, so they see nothing of a version before it is complete.

use std::collections::HashSet;

use shared_ai_client::{IngestionEvent, NewIngestion};
use shared_models::{ChunkId, CreatorId, DocumentId};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::app::index::embed::BATCH_SIZE;
use crate::app::index::ingest_error::IngestError;
use crate::clients::chroma::ChromaError;
use crate::domain::index::chunk_ids::{self, ChunkNamespace};
use crate::domain::index::chunking::{self, Passage};
use crate::state::AppState;
use crate::store::{chunks, indexed_documents};

/// Events that a slow reader may be behind; then the work waits.
const MAX_BUFFERED_EVENTS: usize = 16;

type Events = mpsc::Sender<IngestionEvent>;

/// A version of a document that is being indexed.
struct Ingestion {
    tenant: CreatorId,
    document: DocumentId,
    version: i32,
    title: String,
    passages: Vec<Passage>,
    ids: Vec<ChunkId>,
}

/// Starts to index a document and returns the events. The work stops when the receiver is dropped;
/// a repeated call resumes it.
pub(crate) fn start(
    app: AppState,
    tenant: CreatorId,
    document: DocumentId,
    new: NewIngestion,
) -> mpsc::Receiver<IngestionEvent> {
    let (sender, receiver) = mpsc::channel(MAX_BUFFERED_EVENTS);
    let work = ingest(app, tenant, document, new, sender);
    tokio::spawn(work.in_current_span());
    receiver
}

async fn ingest(
    app: AppState,
    tenant: CreatorId,
    document: DocumentId,
    new: NewIngestion,
    events: Events,
) {
    let (outcome, last_event) = match index(&app, tenant, document, new, &events).await {
        Ok(chunks) => ("done", Some(IngestionEvent::Done { chunks })),
        Err(IngestError::CallerLeft) => ("abandoned", None),
        Err(error) => {
            tracing::warn!(%document, %error, "document not indexed");
            ("failed", Some(error.into_event()))
        }
    };
    metrics::counter!("ai_engine_ingestions_total", "outcome" => outcome).increment(1);
    if let Some(event) = last_event {
        let _ = events.send(event).await;
    }
}

/// Indexes a document and returns the number of its passages.
async fn index(
    app: &AppState,
    tenant: CreatorId,
    document: DocumentId,
    new: NewIngestion,
    events: &Events,
) -> Result<u32, IngestError> {
    let ingestion = split(app, tenant, document, new).await?;
    let total = count(ingestion.ids.len());
    insert_passages(app, &ingestion).await?;
    let dimension = app.embedder.dimension().await?;
    let missing = app
        .vectors
        .missing(tenant, dimension, &ingestion.ids)
        .await?;
    send_progress(events, total.saturating_sub(count(missing.len())), total).await?;
    let refused = embed_missing(app, &ingestion, &missing, events).await?;
    let still_missing = app
        .vectors
        .missing(tenant, dimension, &ingestion.ids)
        .await?;
    let lost = still_missing.difference(&refused).count();
    if lost > 0 {
        return Err(ChromaError::Lost(lost).into());
    }
    let is_activated = activate_version(app, &ingestion).await?;
    delete_orphan_vectors(app, &ingestion).await?;
    if is_activated {
        Ok(total)
    } else {
        Err(IngestError::Superseded)
    }
}

async fn split(
    app: &AppState,
    tenant: CreatorId,
    document: DocumentId,
    new: NewIngestion,
) -> Result<Ingestion, IngestError> {
    let NewIngestion {
        version,
        title,
        kind,
        text,
    } = new;
    let model = app.embedder.model().clone();
    let split_text = move || {
        let passages = chunking::passages(kind, &text, model.window());
        let namespace = ChunkNamespace {
            tenant,
            document,
            model: &model.name,
        };
        let ids = chunk_ids::chunk_ids(namespace, &passages);
        (passages, ids)
    };
    // A large text takes seconds, which would block other requests of the thread.
    let (passages, ids) = tokio::task::spawn_blocking(split_text).await?;
    if passages.is_empty() {
        return Err(IngestError::Empty);
    }
    Ok(Ingestion {
        tenant,
        document,
        version,
        title,
        passages,
        ids,
    })
}

async fn insert_passages(app: &AppState, ingestion: &Ingestion) -> Result<(), IngestError> {
    let Ingestion {
        tenant,
        document,
        version,
        title,
        passages,
        ids,
    } = ingestion;
    let mut tx = app.db.tenant(*tenant).await?;
    if !indexed_documents::begin(&mut tx, *document, title, *version).await? {
        return Err(IngestError::Superseded);
    }
    chunks::insert(&mut tx, *document, *version, ids, passages).await?;
    Ok(tx.commit().await?)
}

/// Adds the missing vectors; returns the passages that the model refuses.
async fn embed_missing(
    app: &AppState,
    ingestion: &Ingestion,
    missing: &HashSet<ChunkId>,
    events: &Events,
) -> Result<HashSet<ChunkId>, IngestError> {
    let pending: Vec<(ChunkId, String)> = ingestion
        .ids
        .iter()
        .zip(&ingestion.passages)
        .filter(|(id, _)| missing.contains(id))
        .map(|(id, passage)| (*id, passage.embedded_text()))
        .collect();
    let total = count(ingestion.ids.len());
    let mut done = total.saturating_sub(count(pending.len()));
    let mut refused = HashSet::new();
    for batch in pending.chunks(BATCH_SIZE) {
        let texts: Vec<String> = batch.iter().map(|(_, text)| text.clone()).collect();
        let embedded = tokio::select! {
            () = events.closed() => return Err(IngestError::CallerLeft),
            embedded = app.embedder.embed_passages(&texts) => embedded?,
        };
        let mut vectors = Vec::with_capacity(batch.len());
        for ((id, _), vector) in batch.iter().zip(embedded) {
            match vector {
                Some(vector) => vectors.push((*id, vector)),
                None => {
                    refused.insert(*id);
                }
            }
        }
        metrics::counter!("ai_engine_passages_embedded_total").increment(vectors.len() as u64);
        app.vectors
            .add(
                ingestion.tenant,
                ingestion.document,
                ingestion.version,
                vectors,
            )
            .await?;
        done += count(batch.len());
        send_progress(events, done, total).await?;
    }
    Ok(refused)
}

/// Makes this version the one that is searched, in one transaction; false if it was superseded.
async fn activate_version(app: &AppState, ingestion: &Ingestion) -> Result<bool, IngestError> {
    let Ingestion {
        tenant,
        document,
        version,
        title,
        passages: _,
        ids,
    } = ingestion;
    let mut tx = app.db.tenant(*tenant).await?;
    if !indexed_documents::activate(&mut tx, *document, title, *version).await? {
        return Ok(false);
    }
    chunks::replace_passages(&mut tx, *document, *version, ids).await?;
    tx.commit().await?;
    Ok(true)
}

/// Deletes the document's vectors that have no row. Vectors are listed before rows: since a row
/// precedes its vector, the row of every listed vector that another task has just added is seen.
async fn delete_orphan_vectors(app: &AppState, ingestion: &Ingestion) -> Result<(), IngestError> {
    let listed = app
        .vectors
        .ids_of_document(ingestion.tenant, ingestion.document)
        .await?;
    let mut tx = app.db.tenant_read(ingestion.tenant).await?;
    let rows = chunks::ids_of_document(&mut tx, ingestion.document).await?;
    drop(tx);
    let with_row: HashSet<String> = rows.iter().map(ToString::to_string).collect();
    for (collection, mut ids) in listed {
        ids.retain(|id| !with_row.contains(id));
        if !ids.is_empty() {
            app.vectors.delete(collection, ids).await?;
        }
    }
    Ok(())
}

async fn send_progress(events: &Events, done: u32, total: u32) -> Result<(), IngestError> {
    let sent = events.send(IngestionEvent::Progress { done, total }).await;
    sent.map_err(|_| IngestError::CallerLeft)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
