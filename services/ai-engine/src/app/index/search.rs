//! Hybrid search: vector search and word search, fused, then read under row-level security.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use shared_ai_client::{Degraded, SearchRequest, SearchResults, Source, SourceKind};
use shared_models::{ChunkId, CreatorId, DocumentId};
use uuid::Uuid;

use super::vector_space::VectorSpace;
use crate::app::settings;
use crate::domain::answer::neighbours;
use crate::domain::answer::settings::Relevance;
use crate::domain::caller::Caller;
use crate::domain::index::calibration::Calibration;
use crate::domain::index::duplicates::{self, Text};
use crate::domain::index::fusion::{
    self, Candidate, KeywordHit, MAX_HITS, RelevanceRule, VectorHit,
};
use crate::domain::index::packed_vector;
use crate::domain::index::scope::{DocumentFilter, Scope};
use crate::domain::index::word_query::WordQuery;
use crate::error::Error;
use crate::state::AppState;
use crate::store::chunks::{self, PassageRow};
use crate::store::qa_pairs::{self, PairRow};
use crate::store::{document_access, indexed_documents, postings, qa_vectors, vector_models};

/// Results of a search that sets no limit.
const DEFAULT_RESULTS: usize = 5;

/// A passage that is relevant to a question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RetrievedPassage {
    /// The passage, numbered from 1.
    pub(crate) source: Source,
    /// Cosine similarity to the question; none if only the word search found the passage.
    pub(crate) similarity: Option<f32>,
    /// The similarity as a share of what is possible above the threshold of its model, if that is
    /// known.
    pub(crate) nearness: Option<f32>,
    /// How many passages its document has.
    pub(crate) document_passages: usize,
}

/// Which passages are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// How many at most.
    pub(crate) limit: usize,
    pub(crate) relevance: Relevance,
}

/// What was found, and what could not be searched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Retrieved {
    pub(crate) passages: Vec<RetrievedPassage>,
    pub(crate) degraded: Vec<Degraded>,
}

/// Answers a search request.
pub(crate) async fn search(
    app: &AppState,
    tenant: CreatorId,
    request: SearchRequest,
) -> Result<SearchResults, Error> {
    let started = Instant::now();
    let SearchRequest {
        query,
        limit,
        collections,
    } = request;
    let scope = Scope {
        is_visitor: false,
        collections,
    };
    let settings = settings::current(app, tenant).await?;
    let wanted = Wanted {
        limit: limit.map_or(DEFAULT_RESULTS, usize::from),
        relevance: settings.relevance,
    };
    let found = retrieve(app, tenant, &scope, query.as_str(), wanted).await?;
    let Retrieved { passages, degraded } = found;
    let milliseconds = started.elapsed().as_millis();
    Ok(SearchResults {
        results: passages.into_iter().map(|found| found.source).collect(),
        processing_time_ms: u64::try_from(milliseconds).unwrap_or(u64::MAX),
        degraded,
    })
}

/// Finds the tenant's passages that are relevant to a question, best first. Without the embedding
/// model or the vector store, by words alone.
pub(crate) async fn retrieve(
    app: &AppState,
    tenant: CreatorId,
    scope: &Scope,
    question: &str,
    wanted: Wanted,
) -> Result<Retrieved, Error> {
    let started = Instant::now();
    let words = WordQuery::from_text(question);
    let (space, filter) = &searched(app, tenant, scope).await?;
    let (vector_hits, word_hits) = tokio::join!(
        vector_search(app, space, (tenant, scope), filter, question),
        word_search(app, tenant, filter, &words)
    );
    let WordHits { hits, is_complete } = word_hits?;
    let mut degraded = Vec::new();
    let vector_hits = match vector_hits {
        Ok(hits) => Some(hits),
        Err(error) => {
            metrics::counter!("ai_engine_searches_without_vectors_total").increment(1);
            tracing::warn!(%error, "search by words only");
            degraded.push(Degraded::NoVectors);
            None
        }
    };
    let calibration = match &vector_hits {
        Some(_) => space.calibration().await,
        None => None,
    };
    if vector_hits.is_some() && calibration.is_none() {
        degraded.push(Degraded::NotCalibrated);
    }
    if space.is_changing {
        degraded.push(Degraded::Reembedding);
    }
    if !is_complete {
        degraded.push(Degraded::WordsIncomplete);
    }
    let rule = RelevanceRule {
        threshold: calibration.map(|known| known.similarity_at(wanted.relevance.min_nearness())),
        specific_keywords: words.is_specific(),
    };
    let candidates = fusion::fuse(&vector_hits.unwrap_or_default(), &hits);
    let mut found = load_visible(app, tenant, scope, candidates).await?;
    let has_phrases = |row: &PassageRow| words.has_phrases(&row.content);
    found.retain(|(candidate, row)| candidate.is_relevant(rule) || has_phrases(row));
    // Stable, so that all others keep their order. A query of nothing but words asks for
    // the passages that have them all.
    let has_all = |candidate: &Candidate| words.is_only_keywords() && candidate.all_keywords;
    found.sort_by_key(|(candidate, row)| {
        (!has_phrases(row), !candidate.is_exact, !has_all(candidate))
    });
    let found = duplicates::remove(found, text_of);
    let passages = numbered(found, wanted.limit, calibration);
    metrics::histogram!("ai_engine_retrieval_seconds").record(started.elapsed().as_secs_f64());
    Ok(Retrieved { passages, degraded })
}

/// The vectors that are searched, and what the scope means for the candidates of both searches.
async fn searched(
    app: &AppState,
    tenant: CreatorId,
    scope: &Scope,
) -> Result<(VectorSpace, DocumentFilter), Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let account = vector_models::read(&mut tx).await?;
    let filter = document_access::filter(&mut tx, scope).await?;
    drop(tx);
    Ok((VectorSpace::new(app, account.as_ref()), filter))
}

async fn vector_search(
    app: &AppState,
    space: &VectorSpace,
    (tenant, scope): (CreatorId, &Scope),
    filter: &DocumentFilter,
    question: &str,
) -> Result<Vec<VectorHit>, Error> {
    let vector = query_vector(app, space, (tenant, scope), question).await?;
    let (nearest, pairs) = tokio::join!(
        space.vectors.nearest(tenant, &vector, filter, MAX_HITS),
        pair_hits(app, space, tenant, &vector)
    );
    let mut hits = nearest?;
    hits.extend(pairs?);
    Ok(hits)
}

/// The question-and-answer pairs that are relevant, by the most similar of their questions.
async fn pair_hits(
    app: &AppState,
    space: &VectorSpace,
    tenant: CreatorId,
    vector: &[f32],
) -> Result<Vec<VectorHit>, Error> {
    let Some(calibration) = space.calibration().await else {
        return Ok(Vec::new());
    };
    let model = &space.embedder.model().recorded_name;
    let mut tx = app.db.tenant_read(tenant).await?;
    let rows = qa_vectors::made(&mut tx, model, None).await?;
    drop(tx);
    let mut best: HashMap<ChunkId, f32> = HashMap::new();
    for row in rows {
        let similarity = packed_vector::similarity(vector, &row.vector);
        if let Some(similarity) = similarity.filter(|value| *value >= calibration.threshold()) {
            let id = ChunkId::from(row.pair.as_uuid());
            let known = best.entry(id).or_insert(similarity);
            *known = known.max(similarity);
        }
    }
    let hits = best.into_iter();
    let mut hits: Vec<VectorHit> = hits
        .map(|(id, similarity)| VectorHit { id, similarity })
        .collect();
    hits.sort_by(|one, other| other.similarity.total_cmp(&one.similarity));
    hits.truncate(MAX_HITS);
    Ok(hits)
}

/// What the word search found, and whether it looked at every document.
struct WordHits {
    hits: Vec<KeywordHit>,
    is_complete: bool,
}

async fn word_search(
    app: &AppState,
    tenant: CreatorId,
    filter: &DocumentFilter,
    words: &WordQuery,
) -> Result<WordHits, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let hits = postings::search(&mut tx, words, filter, MAX_HITS).await?;
    let is_complete = !indexed_documents::any_without_words(&mut tx).await?;
    Ok(WordHits { hits, is_complete })
}

/// The vector of a question, made by the model unless the account asked the same moments ago.
pub(crate) async fn query_vector(
    app: &AppState,
    space: &VectorSpace,
    (tenant, scope): (CreatorId, &Scope),
    question: &str,
) -> Result<Vec<f32>, Error> {
    let model = &space.embedder.model().name;
    if let Some(vector) = app.question_vectors.find(tenant, model, question) {
        return Ok(vector);
    }
    let caller = Caller::asking(tenant, scope.is_visitor);
    let vector = space.embedder.embed_query(caller, question).await?;
    let kept = vector.clone();
    app.question_vectors.insert(tenant, model, question, kept);
    Ok(vector)
}

/// Reads the candidates under row-level security. Drops those that the tenant does not own,
/// whatever Chroma returned, those outside the scope, and those of a version that is not active.
async fn load_visible(
    app: &AppState,
    tenant: CreatorId,
    scope: &Scope,
    candidates: Vec<Candidate>,
) -> Result<Vec<(Candidate, PassageRow)>, Error> {
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<ChunkId> = candidates.iter().map(|candidate| candidate.id).collect();
    let mut tx = app.db.tenant_read(tenant).await?;
    let mut rows = chunks::read(&mut tx, scope, &ids).await?;
    let known: HashSet<ChunkId> = rows.iter().map(|row| row.id).collect();
    let others: Vec<Uuid> = ids
        .iter()
        .filter(|id| !known.contains(id))
        .map(ChunkId::as_uuid)
        .collect();
    let pairs = qa_pairs::read_all(&mut tx, scope, &others).await?;
    drop(tx);
    rows.extend(pairs.into_iter().map(pair_row));
    let mut rows_by_id: HashMap<ChunkId, PassageRow> =
        rows.into_iter().map(|row| (row.id, row)).collect();
    let mut found = Vec::new();
    for candidate in candidates {
        match rows_by_id.remove(&candidate.id) {
            Some(row) if row.is_active => found.push((candidate, row)),
            Some(_) => count_dropped("stale"),
            None => count_dropped("unknown"),
        }
    }
    Ok(found)
}

fn text_of((_, row): &(Candidate, PassageRow)) -> Text<'_> {
    Text {
        title: &row.title,
        heading: row.heading.as_deref(),
        content: &row.content,
    }
}

/// The first passages, numbered from 1.
fn numbered(
    found: Vec<(Candidate, PassageRow)>,
    limit: usize,
    calibration: Option<&Calibration>,
) -> Vec<RetrievedPassage> {
    let numbered = found.into_iter().take(limit).zip(1_u32..);
    numbered
        .map(|((candidate, row), number)| RetrievedPassage {
            nearness: calibration
                .zip(candidate.similarity)
                .map(|(calibration, value)| calibration.nearness(value)),
            ..retrieved(number, row, &candidate)
        })
        .collect()
}

fn count_dropped(reason: &'static str) {
    metrics::counter!("ai_engine_candidates_dropped_total", "reason" => reason).increment(1);
}

fn retrieved(number: u32, row: PassageRow, candidate: &Candidate) -> RetrievedPassage {
    let PassageRow {
        id,
        kind,
        document,
        title,
        ordinal,
        heading,
        content,
        position,
        is_active: _,
        document_passages,
        visibility,
    } = row;
    let source = Source {
        number,
        kind,
        document_id: document,
        title,
        visibility,
        chunk_id: id,
        ordinal,
        heading,
        text: content,
        position,
        score: candidate.score,
    };
    RetrievedPassage {
        source,
        similarity: candidate.similarity,
        nearness: None,
        document_passages: usize::try_from(document_passages).unwrap_or_default(),
    }
}

/// Adds what stands before or behind the best passages, where they were cut out of the middle of a
/// thought. Of `limit` passages, it takes the places of the last ones.
pub(crate) async fn with_neighbours(
    app: &AppState,
    tenant: CreatorId,
    scope: &Scope,
    mut found: Vec<RetrievedPassage>,
    limit: usize,
) -> Result<Vec<RetrievedPassage>, Error> {
    let missing = neighbours::missing(found.iter().map(|found| &found.source));
    if missing.is_empty() {
        return Ok(found);
    }
    let mut tx = app.db.tenant_read(tenant).await?;
    let rows = chunks::at(&mut tx, scope, &missing).await?;
    drop(tx);
    let is_below = |row: &PassageRow| {
        let mut same = found
            .iter()
            .filter(|one| one.source.document_id == row.document);
        same.any(|one| one.source.heading == row.heading)
    };
    // What stands below another heading is another thought.
    let mut rows: Vec<PassageRow> = rows.into_iter().filter(is_below).collect();
    // The best passage stays.
    rows.truncate(limit.saturating_sub(1));
    found.truncate(limit - rows.len());
    for row in rows {
        let number = u32::try_from(found.len() + 1).unwrap_or(u32::MAX);
        let candidate = Candidate {
            id: row.id,
            score: found.last().map_or(0.0, |last| last.source.score),
            similarity: None,
            all_keywords: false,
            is_exact: false,
            coverage: 0.0,
        };
        found.push(retrieved(number, row, &candidate));
    }
    Ok(found)
}

/// A question-and-answer pair as the only source.
pub(crate) fn pair_passage(pair: PairRow) -> RetrievedPassage {
    let row = pair_row(pair);
    let candidate = Candidate {
        id: row.id,
        score: 1.0,
        similarity: None,
        all_keywords: true,
        is_exact: true,
        coverage: 1.0,
    };
    retrieved(1, row, &candidate)
}

/// A question-and-answer pair as a passage: its answer, under its question.
fn pair_row(pair: PairRow) -> PassageRow {
    let PairRow {
        id,
        question,
        answer,
        visibility,
    } = pair;
    PassageRow {
        id: ChunkId::from(id.as_uuid()),
        kind: SourceKind::QaPair,
        document: DocumentId::from(id.as_uuid()),
        title: question,
        ordinal: 0,
        heading: None,
        content: answer,
        position: None,
        is_active: true,
        document_passages: 1,
        visibility,
    }
}
