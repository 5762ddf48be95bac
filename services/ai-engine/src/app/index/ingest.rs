//! Makes a text searchable: inserts rows, adds vectors, then activates the version in one step.
//!
//! Rows precede vectors, so a vector without a row is always left over and can be deleted. Readers
//! join on the active version, so they see nothing of a version before it is complete. A text is
//! read, split, stored and embedded piece by piece: its size does not matter to memory. Whatever is
//! repeated after an interruption finds its rows and vectors and adds none.

use std::collections::HashSet;

use bytes::Bytes;
use shared_ai_client::{DocumentAccess, TextKind};
use shared_db::TenantTx;
use shared_document::BadLine;
use shared_models::{ChunkId, CreatorId, DocumentId};

use crate::app::index::embed::BATCH_SIZE;
use crate::app::index::ingest_error::IngestError;
use crate::app::index::text_source::TextSource;
use crate::clients::chroma::ChromaError;
use crate::domain::caller::Caller;
use crate::domain::index::chunk_ids::{ChunkIds, ChunkNamespace};
use crate::domain::index::chunking::{Passage, Splitter};
use crate::domain::index::document_language::DocumentLanguage;
use crate::domain::index::postings::{self, Posting};
use crate::domain::tokenizer::StemLanguage;
use crate::state::AppState;
use crate::store::indexed_documents::IndexSize;
use crate::store::{
    self, chunks, document_access, document_vectors, indexed_documents, vector_models,
};

/// Passages that are stored, looked up and embedded together.
const GROUP_SIZE: usize = 256;

/// A version of a document that is to be indexed.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) tenant: CreatorId,
    pub(crate) document: DocumentId,
    pub(crate) version: i32,
    pub(crate) title: String,
    pub(crate) kind: TextKind,
    /// Who may see the document, where creator-hub tells.
    pub(crate) access: Option<DocumentAccess>,
}

/// Who follows the work, and says whether it is still wanted.
pub(crate) trait Supervisor: Sync {
    /// So many of all bytes are indexed.
    fn report(&self, done: u64, total: u64)
    -> impl Future<Output = Result<(), IngestError>> + Send;

    /// Fails when the work is no longer wanted or somebody else does it by now; asked in each
    /// transaction that changes rows.
    fn check(&self, tx: &mut TenantTx) -> impl Future<Output = Result<(), IngestError>> + Send;
}

/// What was indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexedText {
    /// The number of its passages.
    pub(crate) passages: u32,
    /// Its language, if that can be detected.
    pub(crate) language: Option<DocumentLanguage>,
}

/// Indexes a text.
pub(crate) async fn index(
    app: &AppState,
    target: &Target,
    text: &mut impl TextSource,
    supervisor: &impl Supervisor,
) -> Result<IndexedText, IngestError> {
    let dimension = app.embedder.dimension().await?;
    let mut ingestion = Ingestion::new(app, target, supervisor, dimension);
    let total = text.size();
    let mut done = 0;
    let mut piece = text.next().await?;
    while let Some(current) = piece {
        let size = current.len() as u64;
        piece = text.next().await?;
        let passages = ingestion.split(current, piece.is_none()).await?;
        let part = Part { done, size, total };
        ingestion.add(passages, part).await?;
        done += size;
        supervisor.report(done, total).await?;
    }
    ingestion.finish().await
}

/// What a piece of the text is of the whole, for progress.
#[derive(Debug, Clone, Copy)]
struct Part {
    done: u64,
    size: u64,
    total: u64,
}

impl Part {
    /// The bytes done when that many of the passages of the piece are.
    fn bytes_at(self, passages: usize, of: usize) -> u64 {
        let (passages, of) = (passages as u64, of.max(1) as u64);
        self.done + self.size * passages.min(of) / of
    }
}

/// A version of a document that is being indexed.
struct Ingestion<'a, S> {
    app: &'a AppState,
    target: &'a Target,
    supervisor: &'a S,
    dimension: usize,
    /// Taken while a thread splits with it.
    splitter: Option<Splitter>,
    /// Known with the first piece of the text.
    stem_language: Option<StemLanguage>,
    /// Detected from the first passages.
    language: Option<DocumentLanguage>,
    next_id: ChunkIds,
    ids: Vec<ChunkId>,
    /// The words of all passages so far, with repetitions.
    term_count: i64,
    /// Passages that the model refuses; they have no vector.
    refused: HashSet<ChunkId>,
}

impl<'a, S: Supervisor> Ingestion<'a, S> {
    fn new(app: &'a AppState, target: &'a Target, supervisor: &'a S, dimension: usize) -> Self {
        let model = app.embedder.model();
        let namespace = ChunkNamespace {
            tenant: target.tenant,
            document: target.document,
            model: model.name.clone(),
            title: target.title.clone(),
        };
        Self {
            app,
            target,
            supervisor,
            dimension,
            splitter: Some(Splitter::new(target.kind, model.window())),
            stem_language: None,
            language: None,
            next_id: ChunkIds::new(namespace),
            ids: Vec::new(),
            term_count: 0,
            refused: HashSet::new(),
        }
    }

    /// The passages that are complete with this piece.
    async fn split(&mut self, piece: Bytes, is_last: bool) -> Result<Vec<Passage>, IngestError> {
        let (kind, window) = (self.target.kind, self.app.embedder.model().window());
        let splitter = self.splitter.take();
        let mut splitter = splitter.unwrap_or_else(|| Splitter::new(kind, window));
        // A piece takes longer than a thread that serves requests may be blocked.
        let splitting = tokio::task::spawn_blocking(move || {
            let mut passages = splitter.push(&piece)?;
            if is_last {
                passages.extend(splitter.finish()?);
            }
            Ok::<_, BadLine>((splitter, passages))
        });
        let (splitter, passages) = splitting.await??;
        self.splitter = Some(splitter);
        Ok(passages)
    }

    /// Stores and embeds passages.
    async fn add(&mut self, passages: Vec<Passage>, part: Part) -> Result<(), IngestError> {
        let count = passages.len();
        let mut rest = passages.into_iter();
        let mut before = 0;
        while before < count {
            let group: Vec<Passage> = rest.by_ref().take(GROUP_SIZE).collect();
            if self.ids.is_empty() {
                self.language = DocumentLanguage::detect(&group);
            }
            let (group, postings) = self.index_words(group).await?;
            let ids: Vec<ChunkId> = group
                .iter()
                .map(|passage| self.next_id.next(passage))
                .collect();
            self.insert(&ids, &group, &postings).await?;
            self.term_count += postings::term_count(&postings);
            self.embed_missing(
                &ids,
                &group,
                |embedded| part.bytes_at(before + embedded, count),
                part.total,
            )
            .await?;
            before += group.len();
            self.ids.extend(ids);
        }
        Ok(())
    }

    /// The terms of passages, in the language of the first ones.
    async fn index_words(
        &mut self,
        group: Vec<Passage>,
    ) -> Result<(Vec<Passage>, Vec<Posting>), IngestError> {
        let title = self.target.title.clone();
        let known = self.stem_language;
        let tokenizing = tokio::task::spawn_blocking(move || {
            let language = known.unwrap_or_else(|| postings::language(&group));
            let postings = postings::postings(&title, language, &group);
            (language, group, postings)
        });
        let (language, group, postings) = tokenizing.await?;
        self.stem_language = Some(language);
        Ok((group, postings))
    }

    async fn insert(
        &self,
        ids: &[ChunkId],
        passages: &[Passage],
        postings: &[Posting],
    ) -> Result<(), IngestError> {
        let Target {
            tenant,
            document,
            version,
            title,
            ..
        } = self.target;
        let mut tx = self.app.db.tenant(*tenant).await?;
        self.supervisor.check(&mut tx).await?;
        if !indexed_documents::begin(&mut tx, *document, title, *version).await? {
            return Err(IngestError::Superseded);
        }
        let model = &self.app.embedder.model().recorded_name;
        vector_models::ensure(&mut tx, model, self.app.started_at).await?;
        if let Some(access) = &self.target.access {
            document_access::save(&mut tx, std::slice::from_ref(access)).await?;
        }
        chunks::insert(&mut tx, *document, *version, ids, passages).await?;
        store::postings::replace(&mut tx, *document, *version, postings).await?;
        Ok(tx.commit().await?)
    }

    /// Adds the vectors of those passages that have none; notes those that the model refuses.
    async fn embed_missing(
        &mut self,
        ids: &[ChunkId],
        passages: &[Passage],
        bytes_at: impl Fn(usize) -> u64,
        total: u64,
    ) -> Result<(), IngestError> {
        let tenant = self.target.tenant;
        let vectors = &self.app.vectors;
        let missing = vectors.missing(tenant, self.dimension, ids).await?;
        let (title, window) = (&self.target.title, self.app.embedder.model().window());
        let pending: Vec<(ChunkId, String)> = ids
            .iter()
            .zip(passages)
            .filter(|(id, _)| missing.contains(id))
            .map(|(id, passage)| (*id, passage.embedded_text(title, window)))
            .collect();
        let mut embedded = ids.len().saturating_sub(pending.len());
        for batch in pending.chunks(BATCH_SIZE) {
            self.embed(batch).await?;
            embedded += batch.len();
            self.supervisor.report(bytes_at(embedded), total).await?;
        }
        Ok(())
    }

    async fn embed(&mut self, batch: &[(ChunkId, String)]) -> Result<(), IngestError> {
        let texts: Vec<String> = batch.iter().map(|(_, text)| text.clone()).collect();
        let caller = Caller::ingesting(self.target.tenant);
        let embedded = self.app.embedder.embed_passages(caller, &texts).await?;
        let mut vectors = Vec::with_capacity(batch.len());
        for ((id, _), vector) in batch.iter().zip(embedded) {
            match vector {
                Some(vector) => vectors.push((*id, vector)),
                None => {
                    self.refused.insert(*id);
                }
            }
        }
        metrics::counter!("ai_engine_passages_embedded_total").increment(vectors.len() as u64);
        let Target {
            tenant,
            document,
            version,
            ..
        } = self.target;
        let added = self.app.vectors.add(*tenant, *document, *version, vectors);
        Ok(added.await?)
    }

    /// Checks that every vector is there, and makes the version the one that is searched.
    async fn finish(self) -> Result<IndexedText, IngestError> {
        if self.ids.is_empty() {
            return Err(IngestError::Empty);
        }
        let (tenant, vectors) = (self.target.tenant, &self.app.vectors);
        let missing = vectors.missing(tenant, self.dimension, &self.ids).await?;
        let lost = missing.difference(&self.refused).count();
        if lost > 0 {
            return Err(ChromaError::Lost(lost).into());
        }
        let is_activated = self.activate_version().await?;
        delete_orphan_vectors(self.app, tenant, self.target.document).await?;
        if is_activated {
            Ok(IndexedText {
                passages: u32::try_from(self.ids.len()).unwrap_or(u32::MAX),
                language: self.language,
            })
        } else {
            Err(IngestError::Superseded)
        }
    }

    /// Makes this version the one that is searched, in one transaction; false if it was superseded.
    async fn activate_version(&self) -> Result<bool, IngestError> {
        let Target {
            tenant,
            document,
            version,
            title,
            ..
        } = self.target;
        let passages = i32::try_from(self.ids.len()).unwrap_or(i32::MAX);
        let terms = self.term_count;
        let size = IndexSize { passages, terms };
        let mut tx = self.app.db.tenant(*tenant).await?;
        self.supervisor.check(&mut tx).await?;
        if !indexed_documents::activate(&mut tx, *document, title, *version, size).await? {
            return Ok(false);
        }
        let model = &self.app.embedder.model().recorded_name;
        let language = self.language.map(DocumentLanguage::code);
        document_vectors::record(&mut tx, *document, *version, model, language).await?;
        store::postings::keep_only(&mut tx, *document, *version, passages).await?;
        chunks::replace_passages(&mut tx, *document, *version, &self.ids).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Deletes the document's vectors that have no row. Vectors are listed before rows: since a row
/// precedes its vector, the row of every listed vector that another task has just added is seen.
pub(super) async fn delete_orphan_vectors(
    app: &AppState,
    tenant: CreatorId,
    document: DocumentId,
) -> Result<(), IngestError> {
    let listed = app.vectors.ids_of_document(tenant, document).await?;
    let mut tx = app.db.tenant_read(tenant).await?;
    let rows = chunks::ids_of_document(&mut tx, document).await?;
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
