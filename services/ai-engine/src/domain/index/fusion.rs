//! Merges the results of vector search and word search.

use std::collections::HashMap;

use shared_models::ChunkId;

/// Hits that each of the two searches contributes.
pub(crate) const MAX_HITS: usize = 50;
/// The share of the vector search in the score; the rest is the word search's. Chosen on the
/// questions for tuning of `docs/quality.md`.
const VECTOR_SHARE: f64 = 0.7;

/// A passage that the word search found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct KeywordHit {
    pub(crate) id: ChunkId,
    /// By BM25; comparable within one search only.
    pub(crate) score: f64,
    /// Whether the passage contains every keyword of the query.
    pub(crate) all_keywords: bool,
    /// Whether the query has identifiers, addresses or numbers, and the passage has them all.
    pub(crate) is_exact: bool,
    /// How much of the query's keywords the passage has, by their rarity, 0 to 1.
    pub(crate) coverage: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VectorHit {
    pub id: ChunkId,
    /// Cosine similarity to the question.
    pub similarity: f32,
}

/// A passage found by either search or both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) id: ChunkId,
    /// The fused score, 0 to 1; larger is better.
    pub(crate) score: f64,
    /// Cosine similarity to the question; none if only the word search found the passage.
    pub(crate) similarity: Option<f32>,
    /// Whether the passage contains every keyword of the query.
    pub(crate) all_keywords: bool,
    /// Whether the passage has everything that the user means exactly. These come first.
    pub(crate) is_exact: bool,
    /// How much of the query's keywords the passage has, by their rarity, 0 to 1.
    pub(crate) coverage: f64,
}

/// From which passages on the word search alone says that the tenant's documents have an answer.
const MIN_COVERAGE_WITHOUT_VECTORS: f64 = 0.5;

/// When a passage is relevant to a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RelevanceRule {
    /// The similarity from which a passage is relevant; none without vectors.
    pub(crate) threshold: Option<f32>,
    /// Whether the keywords say what is meant, see `Keywords::is_specific`.
    pub(crate) specific_keywords: bool,
}

impl Candidate {
    /// Whether the passage is relevant: it is similar enough, or it has what the user means
    /// exactly, or it contains all keywords and these are specific.
    pub(crate) fn is_relevant(&self, rule: RelevanceRule) -> bool {
        let near = match rule.threshold {
            Some(threshold) => self.similarity.is_some_and(|value| value >= threshold),
            None => self.coverage >= MIN_COVERAGE_WITHOUT_VECTORS,
        };
        near || self.is_exact || (rule.specific_keywords && self.all_keywords)
    }
}

/// Fuses both results; the best candidate comes first. Scores are fused and not ranks: passages
/// that the word search cannot tell apart stay equal, where ranks would order them by chance.
pub(crate) fn fuse(vector_hits: &[VectorHit], keyword_hits: &[KeywordHit]) -> Vec<Candidate> {
    let similarities = || vector_hits.iter().map(|hit| f64::from(hit.similarity));
    let (farthest, nearest) = range(similarities());
    let (_, best) = range(keyword_hits.iter().map(|hit| hit.score));
    let mut found: HashMap<ChunkId, Candidate> = HashMap::new();
    let empty = |id| Candidate {
        id,
        score: 0.0,
        similarity: None,
        all_keywords: false,
        is_exact: false,
        coverage: 0.0,
    };
    for hit in vector_hits {
        let candidate = found.entry(hit.id).or_insert_with(|| empty(hit.id));
        let similarity = f64::from(hit.similarity);
        candidate.score += VECTOR_SHARE * share(similarity - farthest, nearest - farthest);
        candidate.similarity = Some(hit.similarity);
    }
    for hit in keyword_hits {
        let candidate = found.entry(hit.id).or_insert_with(|| empty(hit.id));
        candidate.score += (1.0 - VECTOR_SHARE) * share(hit.score, best);
        candidate.all_keywords = hit.all_keywords;
        candidate.is_exact = hit.is_exact;
        candidate.coverage = hit.coverage;
    }
    let mut fused: Vec<Candidate> = found.into_values().collect();
    fused.sort_by(|a, b| {
        b.is_exact
            .cmp(&a.is_exact)
            .then(b.score.total_cmp(&a.score))
            .then(a.id.cmp(&b.id))
    });
    fused
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// The part of a whole, 0 to 1; 1 if the whole is nothing.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<ChunkId> {
        (0..count).map(|_| ChunkId::new()).collect()
    }

    #[test]
    fn a_passage_found_by_both_searches_comes_first() {
        let id = ids(3);
        let hit = |(id, similarity)| VectorHit { id, similarity };
        let vector_hits = [(id[0], 0.5), (id[1], 0.4), (id[2], 0.1)].map(hit);
        let keyword_hits = [id[1]].map(|id| KeywordHit {
            id,
            score: 3.0,
            all_keywords: false,
            is_exact: false,
            coverage: 0.0,
        });
        let order: Vec<ChunkId> = fuse(&vector_hits, &keyword_hits)
            .iter()
            .map(|c| c.id)
            .collect();
        assert_eq!(order, [id[1], id[0], id[2]]);
    }

    fn rule(threshold: Option<f32>, specific_keywords: bool) -> RelevanceRule {
        RelevanceRule {
            threshold,
            specific_keywords,
        }
    }

    #[test]
    fn a_dissimilar_passage_is_relevant_only_if_it_has_all_of_specific_keywords() {
        let far = Candidate {
            id: ChunkId::new(),
            score: 0.02,
            similarity: Some(0.1),
            all_keywords: true,
            is_exact: false,
            coverage: 0.0,
        };
        assert!(far.is_relevant(rule(Some(0.36), true)));
        assert!(!far.is_relevant(rule(Some(0.36), false)));
        let some_keywords = Candidate {
            all_keywords: false,
            ..far
        };
        assert!(!some_keywords.is_relevant(rule(Some(0.36), true)));
        assert!(
            Candidate {
                similarity: Some(0.4),
                ..some_keywords
            }
            .is_relevant(rule(Some(0.36), false))
        );
    }

    #[test]
    fn what_is_meant_exactly_comes_first_and_equal_hits_stay_equal() {
        let id = ids(3);
        let hit = |(id, similarity)| VectorHit { id, similarity };
        let vector_hits = [(id[0], 0.9), (id[1], 0.2), (id[2], 0.2)].map(hit);
        let keyword_hit = |(id, is_exact)| KeywordHit {
            id,
            score: 1.0,
            all_keywords: false,
            is_exact,
            coverage: 0.0,
        };
        let keyword_hits = [(id[2], true), (id[0], false), (id[1], false)].map(keyword_hit);
        let fused = fuse(&vector_hits, &keyword_hits);
        assert_eq!(fused[0].id, id[2]);
        let exact = fused[0];
        assert!(exact.is_relevant(rule(Some(0.36), false)));
        let other = fused.iter().find(|c| c.id == id[1]);
        assert!((other.map_or(0.0, |c| c.score) - exact.score).abs() < 1e-9);
    }

    #[test]
    fn no_hits_give_no_candidates() {
        assert!(fuse(&[], &[]).is_empty());
    }
}
