//! A question becomes passages: by meaning and by words at once, fused, and re-read as the tenant.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use shared_ai_client::Source;
use shared_cache::Key;
use shared_models::{ChunkId, CreatorId};

use crate::domain::fusion::{self, Candidate, POOL, VectorHit, WordHit};
use crate::domain::terms::Terms;
use crate::error::Error;
use crate::state::AppState;
use crate::store::chunks::{self, FoundRow};

/// How long the vector of a question is kept.
const VECTOR_LIFE: Duration = Duration::from_hours(1);
/// Longest wait for the cache, which is only worth asking while it is fast.
const CACHE: Duration = Duration::from_millis(100);

/// A passage that has to do with the question.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The passage, numbered from 1.
    pub source: Source,
    /// How near its meaning is; none when only its words were found.
    pub similarity: Option<f32>,
}

/// A tenant's passages about a question, best first; none when nothing has to do with it.
pub async fn retrieve(
    app: &AppState,
    creator: CreatorId,
    question: &str,
    limit: usize,
) -> Result<Vec<Found>, Error> {
    let started = Instant::now();
    let terms = Terms::of(question);
    let meaning = by_meaning(app, creator, question);
    let words = by_words(app, creator, &terms);
    let (meaning, words) = tokio::try_join!(meaning, words)?;
    let threshold = app.embedder.model().threshold();
    let mut candidates = fusion::fuse(&meaning, &words);
    candidates.retain(|candidate| candidate.relevant(threshold, terms.telling()));
    let found = reread(app, creator, candidates, limit).await?;
    metrics::histogram!("ai_retrieval_seconds").record(started.elapsed().as_secs_f64());
    Ok(found)
}

async fn by_meaning(
    app: &AppState,
    creator: CreatorId,
    question: &str,
) -> Result<Vec<VectorHit>, Error> {
    let vector = vector(app, creator, question).await?;
    Ok(app.vectors.nearest(creator, &vector, POOL).await?)
}

async fn by_words(
    app: &AppState,
    creator: CreatorId,
    terms: &Terms,
) -> Result<Vec<WordHit>, Error> {
    let mut tx = app.db.tenant_read(creator).await?;
    Ok(chunks::by_words(&mut tx, terms, POOL).await?)
}

/// The vector of a question, out of the cache when that is quick.
async fn vector(app: &AppState, creator: CreatorId, question: &str) -> Result<Vec<f32>, Error> {
    let hash = format!("{:x}", Sha256::digest(question));
    let key = Key::query_vector(creator, &app.embedder.model().name, &hash);
    let cached = tokio::time::timeout(CACHE, app.cache.read::<String>(&key)).await;
    let cached = cached.ok().and_then(Result::ok).flatten();
    if let Some(vector) = cached.as_deref().and_then(unpacked) {
        return Ok(vector);
    }
    let vector = app.embedder.query(question).await?;
    let kept = packed(&vector);
    let write = app.cache.write(&key, &kept, VECTOR_LIFE);
    if !matches!(tokio::time::timeout(CACHE, write).await, Ok(Ok(()))) {
        metrics::counter!("ai_cache_skipped_total").increment(1);
    }
    Ok(vector)
}

/// Reads every candidate as the tenant. What does not come back is not theirs, whatever Chroma
/// says, and what is not current belongs to a version that is being replaced.
async fn reread(
    app: &AppState,
    creator: CreatorId,
    candidates: Vec<Candidate>,
    limit: usize,
) -> Result<Vec<Found>, Error> {
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<ChunkId> = candidates.iter().map(|candidate| candidate.id).collect();
    let mut tx = app.db.tenant_read(creator).await?;
    let rows = chunks::read(&mut tx, &ids).await?;
    let mut rows: HashMap<ChunkId, FoundRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let mut found = Vec::new();
    for candidate in candidates {
        match rows.remove(&candidate.id) {
            Some(row) if row.current => found.push(numbered(found.len(), row, &candidate)),
            Some(_) => dropped("stale"),
            None => dropped("unknown"),
        }
    }
    found.truncate(limit);
    Ok(found)
}

fn dropped(reason: &'static str) {
    metrics::counter!("ai_candidates_dropped_total", "reason" => reason).increment(1);
}

fn numbered(before: usize, row: FoundRow, candidate: &Candidate) -> Found {
    let FoundRow {
        id,
        document,
        title,
        ordinal,
        heading,
        content,
        current: _,
    } = row;
    let source = Source {
        number: u32::try_from(before + 1).unwrap_or(u32::MAX),
        document_id: document,
        title,
        chunk_id: id,
        ordinal,
        heading,
        text: content,
        score: candidate.score,
    };
    Found {
        source,
        similarity: candidate.similarity,
    }
}

fn packed(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|n| n.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes)
}

fn unpacked(text: &str) -> Option<Vec<f32>> {
    let bytes = BASE64_STANDARD.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    let vector: Vec<f32> = numbers.iter().map(|n| f32::from_le_bytes(*n)).collect();
    (rest.is_empty() && !vector.is_empty()).then_some(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_survives_the_cache_and_garbage_does_not() {
        let vector = vec![0.25, -1.5, 3.0e-9];
        assert_eq!(unpacked(&packed(&vector)), Some(vector));
        for garbage in ["", "AAA", "AAAAAAA=", "not base64"] {
            assert_eq!(unpacked(garbage), None);
        }
    }
}
