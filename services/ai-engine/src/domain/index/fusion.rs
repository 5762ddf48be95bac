//! Merges the results of vector search and keyword search by reciprocal rank fusion.

use std::collections::HashMap;

use shared_models::ChunkId;

/// Hits that each of the two searches contributes.
pub(crate) const MAX_HITS: usize = 50;
/// The constant of reciprocal rank fusion (Cormack et al., 2009).
const K: f64 = 60.0;
/// The weight of a keyword rank relative to a vector rank: common words occur in many passages.
const KEYWORD_WEIGHT: f64 = 0.5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeywordHit {
    pub(crate) id: ChunkId,
    /// Whether the passage contains every keyword of the query.
    pub(crate) all_keywords: bool,
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
    /// The fused score; larger is better.
    pub(crate) score: f64,
    /// Cosine similarity to the question; none if only the keyword search found the passage.
    pub(crate) similarity: Option<f32>,
    /// Whether the passage contains every keyword of the query.
    pub(crate) all_keywords: bool,
}

impl Candidate {
    /// Whether the passage is relevant: it is similar enough, or it contains all keywords and these
    /// are specific.
    pub(crate) fn is_relevant(&self, threshold: f32, specific_keywords: bool) -> bool {
        let near = self.similarity.is_some_and(|value| value >= threshold);
        near || (specific_keywords && self.all_keywords)
    }
}

/// Fuses both rankings; the best candidate comes first.
pub(crate) fn fuse(vector_hits: &[VectorHit], keyword_hits: &[KeywordHit]) -> Vec<Candidate> {
    let mut found: HashMap<ChunkId, Candidate> = HashMap::new();
    let empty = |id| Candidate {
        id,
        score: 0.0,
        similarity: None,
        all_keywords: false,
    };
    for (hit, rank) in vector_hits.iter().zip(1_u32..) {
        let candidate = found.entry(hit.id).or_insert_with(|| empty(hit.id));
        candidate.score += 1.0 / (K + f64::from(rank));
        candidate.similarity = Some(hit.similarity);
    }
    for (hit, rank) in keyword_hits.iter().zip(1_u32..) {
        let candidate = found.entry(hit.id).or_insert_with(|| empty(hit.id));
        candidate.score += KEYWORD_WEIGHT / (K + f64::from(rank));
        candidate.all_keywords = hit.all_keywords;
    }
    let mut fused: Vec<Candidate> = found.into_values().collect();
    fused.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
    fused
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
        let vector_hits = [id[0], id[1]].map(|id| VectorHit {
            id,
            similarity: 0.5,
        });
        let keyword_hits = [id[1], id[2]].map(|id| KeywordHit {
            id,
            all_keywords: false,
        });
        let order: Vec<ChunkId> = fuse(&vector_hits, &keyword_hits)
            .iter()
            .map(|c| c.id)
            .collect();
        assert_eq!(order, [id[1], id[0], id[2]]);
    }

    #[test]
    fn a_dissimilar_passage_is_relevant_only_if_it_has_all_of_specific_keywords() {
        let far = Candidate {
            id: ChunkId::new(),
            score: 0.02,
            similarity: Some(0.1),
            all_keywords: true,
        };
        assert!(far.is_relevant(0.36, true));
        assert!(!far.is_relevant(0.36, false));
        let some_keywords = Candidate {
            all_keywords: false,
            ..far
        };
        assert!(!some_keywords.is_relevant(0.36, true));
        assert!(
            Candidate {
                similarity: Some(0.4),
                ..some_keywords
            }
            .is_relevant(0.36, false)
        );
    }

    #[test]
    fn no_hits_give_no_candidates() {
        assert!(fuse(&[], &[]).is_empty());
    }
}
