//! Embeds the knowledge of an account with the platform's present model, beside the vectors of the
//! model before, and changes the account to it when everything is there.
//!
//! Passages keep their rows and ids; each model has collections of its own. Whatever is repeated
//! after an interruption finds its vectors and makes none twice.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use shared_models::{ChunkId, CreatorId};

use super::embed::{BATCH_SIZE, MadeVectors};
use super::ingest::{Supervisor, delete_orphan_vectors};
use super::ingest_error::IngestError;
use super::{languages, leftovers};
use crate::app::qa;
use crate::clients::chroma::ChromaError;
use crate::domain::caller::Caller;
use crate::domain::index::chunking::Passage;
use crate::domain::index::document_language::DocumentLanguage;
use crate::domain::index::model_change::{self, ChangeStep, CurrentProcess};
use crate::state::AppState;
use crate::store::document_vectors::{self, DocumentToEmbed};
use crate::store::{chunks, qa_vectors, vector_models};

/// Passages whose rows and vectors are read in one request.
const GROUP_SIZE: usize = 256;
/// Time between two checks whether the models are idle.
const IDLE_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A batch gives way no longer than this, so that the work ends some day.
const GIVING_WAY_TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest time between two progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

/// How the work for an account ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reembedded {
    /// Nothing is left to do, or other processes do it.
    Done,
    /// More is to be done after this time.
    Later(Duration),
}

/// The work of one attempt.
struct Reembedding<'a, S> {
    app: &'a AppState,
    tenant: CreatorId,
    supervisor: &'a S,
    /// The name under which the present model is recorded.
    model: &'a str,
    dimension: usize,
    /// Until then other accounts wait.
    until: Instant,
}

/// Whether work reached its end or only the end of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    End,
    TimeIsUp,
}

/// Does the next part of what an account needs, until that time.
pub(crate) async fn run(
    app: &AppState,
    tenant: CreatorId,
    supervisor: &impl Supervisor,
    until: Instant,
) -> Result<Reembedded, IngestError> {
    let model = &app.embedder.model().recorded_name;
    match begin(app, tenant, supervisor, model).await? {
        ChangeStep::Rest | ChangeStep::StandAside => Ok(Reembedded::Done),
        ChangeStep::Wait(time) => Ok(Reembedded::Later(time.unsigned_abs())),
        ChangeStep::DeleteLeftovers => {
            leftovers::delete(app, tenant, supervisor).await?;
            Ok(Reembedded::Done)
        }
        ChangeStep::Begin | ChangeStep::Embed => {
            let work = Reembedding {
                app,
                tenant,
                supervisor,
                model,
                dimension: app.embedder.dimension().await?,
                until,
            };
            if work.embed_documents().await? == Reach::TimeIsUp
                || work.embed_questions().await? == Reach::TimeIsUp
            {
                return Ok(Reembedded::Later(Duration::ZERO));
            }
            work.switch().await
        }
    }
}

/// Finds out what is to be done, and records that the present model is wanted.
async fn begin(
    app: &AppState,
    tenant: CreatorId,
    supervisor: &impl Supervisor,
    model: &str,
) -> Result<ChangeStep, IngestError> {
    let mut tx = app.db.tenant(tenant).await?;
    supervisor.check(&mut tx).await?;
    let account = vector_models::read(&mut tx).await?;
    let counts = document_vectors::counts(&mut tx, model).await?;
    let process = CurrentProcess {
        model,
        started_at: app.started_at,
    };
    let (is_complete, now) = (counts.is_complete(), Timestamp::now());
    let step = model_change::step(account.as_ref(), process, is_complete, now);
    if step == ChangeStep::Begin {
        vector_models::begin(&mut tx, model).await?;
        tx.commit().await?;
        let before = account.as_ref().map(|account| account.model.as_str());
        let (documents, questions) = (counts.documents, counts.questions);
        tracing::info!(
            model,
            before,
            documents,
            questions,
            "knowledge of an account is embedded again"
        );
    }
    Ok(step)
}

impl<S: Supervisor> Reembedding<'_, S> {
    async fn embed_documents(&self) -> Result<Reach, IngestError> {
        let mut after = None;
        // One document that cannot be embedded must not keep the others from it.
        let mut failure = None;
        let mut reported_at: Option<Instant> = None;
        loop {
            let mut tx = self.app.db.tenant_read(self.tenant).await?;
            let next = document_vectors::next_to_embed(&mut tx, self.model, after).await?;
            drop(tx);
            let Some(document) = next else { break };
            if reported_at.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL) {
                self.report().await?;
                reported_at = Some(Instant::now());
            }
            match self.embed_document(&document).await {
                Ok(Reach::End) => {}
                Ok(Reach::TimeIsUp) => return Ok(Reach::TimeIsUp),
                Err(error) if is_of_one_document(&error) => {
                    tracing::warn!(document = %document.id, %error, "document not embedded again");
                    failure = Some(error);
                }
                Err(error) => return Err(error),
            }
            after = Some(document.id);
        }
        failure.map_or(Ok(Reach::End), Err)
    }

    async fn report(&self) -> Result<(), IngestError> {
        let mut tx = self.app.db.tenant_read(self.tenant).await?;
        let counts = document_vectors::counts(&mut tx, self.model).await?;
        drop(tx);
        let done = counts.documents_done + counts.questions_done;
        let total = counts.documents + counts.questions;
        let number = |count: i64| u64::try_from(count).unwrap_or(0);
        self.supervisor.report(number(done), number(total)).await
    }

    /// Makes the vectors that the active version of a document lacks, and records it.
    async fn embed_document(&self, document: &DocumentToEmbed) -> Result<Reach, IngestError> {
        let DocumentToEmbed { id, version, .. } = *document;
        let (mut next, mut ids, mut refused) = (0, Vec::new(), HashSet::new());
        let mut language = None;
        loop {
            let mut tx = self.app.db.tenant_read(self.tenant).await?;
            let group = chunks::of_version(&mut tx, id, version, next, GROUP_SIZE).await?;
            drop(tx);
            let Some((_, last)) = group.last() else { break };
            next = last.ordinal.saturating_add(1);
            if ids.is_empty() {
                language = DocumentLanguage::detect(group.iter().map(|(_, passage)| passage));
            }
            ids.extend(group.iter().map(|(id, _)| *id));
            if self.embed_group(document, &group, &mut refused).await? == Reach::TimeIsUp {
                return Ok(Reach::TimeIsUp);
            }
        }
        let missing = self
            .app
            .vectors
            .missing(self.tenant, self.dimension, &ids)
            .await?;
        let lost = missing.difference(&refused).count();
        let is_recorded = self.record(document, lost, language).await?;
        if !is_recorded {
            // A new version, or none: what was made for this one is in the way.
            delete_orphan_vectors(self.app, self.tenant, id).await?;
            return Ok(Reach::End);
        }
        metrics::counter!("ai_engine_documents_reembedded_total").increment(1);
        tracing::debug!(document = %id, passages = ids.len(), "document embedded again");
        Ok(Reach::End)
    }

    /// False if another version is searched by now, or the document was deleted.
    async fn record(
        &self,
        document: &DocumentToEmbed,
        lost: usize,
        language: Option<DocumentLanguage>,
    ) -> Result<bool, IngestError> {
        let DocumentToEmbed { id, version, .. } = *document;
        let mut tx = self.app.db.tenant(self.tenant).await?;
        self.supervisor.check(&mut tx).await?;
        let language = language.map(DocumentLanguage::code);
        if !document_vectors::record(&mut tx, id, version, self.model, language).await? {
            return Ok(false);
        }
        if lost > 0 {
            return Err(ChromaError::Lost(lost).into());
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn embed_group(
        &self,
        document: &DocumentToEmbed,
        group: &[(ChunkId, Passage)],
        refused: &mut HashSet<ChunkId>,
    ) -> Result<Reach, IngestError> {
        let ids: Vec<ChunkId> = group.iter().map(|(id, _)| *id).collect();
        let vectors = &self.app.vectors;
        let missing = vectors.missing(self.tenant, self.dimension, &ids).await?;
        let window = self.app.embedder.model().window();
        let pending: Vec<(ChunkId, String)> = group
            .iter()
            .filter(|(id, _)| missing.contains(id))
            .map(|(id, passage)| (*id, passage.embedded_text(&document.title, window)))
            .collect();
        for batch in pending.chunks(BATCH_SIZE) {
            if Instant::now() >= self.until {
                return Ok(Reach::TimeIsUp);
            }
            if !self.embed_batch(document, batch, refused).await? {
                break;
            }
        }
        Ok(Reach::End)
    }

    /// False if another version is searched by now, or the document was deleted.
    async fn embed_batch(
        &self,
        document: &DocumentToEmbed,
        batch: &[(ChunkId, String)],
        refused: &mut HashSet<ChunkId>,
    ) -> Result<bool, IngestError> {
        let mut vectors = Vec::with_capacity(batch.len());
        let embedded = self.embed_texts(batch).await?;
        for ((id, _), vector) in batch.iter().zip(embedded) {
            match vector {
                Some(vector) => vectors.push((*id, vector)),
                None => {
                    refused.insert(*id);
                }
            }
        }
        // A document that was deleted while the model worked must get no vectors.
        let mut tx = self.app.db.tenant_read(self.tenant).await?;
        let is_wanted = document_vectors::is_active(&mut tx, document.id, document.version).await?;
        drop(tx);
        if !is_wanted || vectors.is_empty() {
            return Ok(is_wanted);
        }
        metrics::counter!("ai_engine_passages_reembedded_total").increment(vectors.len() as u64);
        let (id, version) = (document.id, document.version);
        let added = self.app.vectors.add(self.tenant, id, version, vectors);
        added.await?;
        Ok(true)
    }

    /// The vectors of passages, after those of questions and new documents.
    async fn embed_texts(&self, batch: &[(ChunkId, String)]) -> Result<MadeVectors, IngestError> {
        let embedder = &self.app.embedder;
        let texts: Vec<String> = batch.iter().map(|(_, text)| text.clone()).collect();
        give_way(self.app).await;
        let caller = Caller::ingesting(self.tenant);
        let made = embedder.embed_passages(caller, &texts).await;
        Ok(embedder.forgive(caller, made, texts.len()).await?)
    }

    async fn embed_questions(&self) -> Result<Reach, IngestError> {
        loop {
            if Instant::now() >= self.until {
                return Ok(Reach::TimeIsUp);
            }
            give_way(self.app).await;
            if !qa::embed_next::<IngestError>(self.app, self.tenant).await? {
                return Ok(Reach::End);
            }
        }
    }

    /// Changes the account to the present model, in one transaction.
    async fn switch(&self) -> Result<Reembedded, IngestError> {
        let app = self.app;
        let calibration = app.embedder.calibrate().await?;
        let mut tx = app.db.tenant(self.tenant).await?;
        self.supervisor.check(&mut tx).await?;
        let counts = document_vectors::counts(&mut tx, self.model).await?;
        // A document that came meanwhile, or another model that is wanted by now.
        if !counts.is_complete() || !vector_models::switch(&mut tx, self.model).await? {
            return Ok(Reembedded::Later(Duration::ZERO));
        }
        qa_vectors::keep_only(&mut tx, self.model).await?;
        if let Some(calibration) = calibration {
            languages::record_all(app, &mut tx, calibration).await?;
        }
        tx.commit().await?;
        metrics::counter!("ai_engine_accounts_reembedded_total").increment(1);
        let (model, documents, questions) = (self.model, counts.documents, counts.questions);
        tracing::info!(
            model,
            documents,
            questions,
            "an account is searched by the vectors of the present model"
        );
        let ttl = model_change::LEFTOVERS_TTL.unsigned_abs();
        Ok(Reembedded::Later(ttl))
    }
}

/// Waits until this process embeds no question and no passage of a new document, or long enough.
async fn give_way(app: &AppState) {
    let started = Instant::now();
    while started.elapsed() < GIVING_WAY_TIMEOUT
        && !(app.embedder.is_idle() && app.earlier_models.are_idle())
    {
        tokio::time::sleep(IDLE_POLL_INTERVAL).await;
    }
}

/// Whether an error says something of one document only; otherwise the next one would fail too.
fn is_of_one_document(error: &IngestError) -> bool {
    matches!(error, IngestError::Chroma(ChromaError::Lost(_)))
}
