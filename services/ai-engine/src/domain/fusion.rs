//! Joins what was found by meaning with what was found by words (reciprocal rank fusion).

use std::collections::HashMap;

use shared_models::ChunkId;

/// How many hits each side brings.
pub const POOL: usize = 50;
/// The constant of reciprocal rank fusion (Cormack et al., 2009).
const K: f64 = 60.0;
/// A rank by words counts for half a rank by meaning: words like "morning" stand everywhere.
const WORDS: f64 = 0.5;

/// A hit by words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordHit {
    /// The passage.
    pub id: ChunkId,
    /// Whether it has every word that was looked for.
    pub all_words: bool,
}

/// A hit by meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VectorHit {
    /// The passage.
    pub id: ChunkId,
    /// Cosine similarity to the question.
    pub similarity: f32,
}

/// A passage that one side or both found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The passage.
    pub id: ChunkId,
    /// The fused rank; larger is better.
    pub score: f64,
    /// Cosine similarity; none when only words found it.
    pub similarity: Option<f32>,
    /// Whether it has every word that was looked for.
    pub all_words: bool,
}

impl Candidate {
    /// Whether the passage has to do with the question: its meaning is near enough, or it has all
    /// of the words and these are telling.
    pub fn relevant(&self, threshold: f32, telling: bool) -> bool {
        let near = self.similarity.is_some_and(|value| value >= threshold);
        near || (telling && self.all_words)
    }
}

/// Fuses both rankings, best first.
pub fn fuse(meaning: &[VectorHit], words: &[WordHit]) -> Vec<Candidate> {
    let mut found: HashMap<ChunkId, Candidate> = HashMap::new();
    let empty = |id| Candidate {
        id,
        score: 0.0,
        similarity: None,
        all_words: false,
    };
    for (hit, rank) in meaning.iter().zip(1_u32..) {
        let candidate = found.entry(hit.id).or_insert_with(|| empty(hit.id));
        candidate.score += 1.0 / (K + f64::from(rank));
        candidate.similarity = Some(hit.similarity);
    }
    for (hit, rank) in words.iter().zip(1_u32..) {
        let candidate = found.entry(hit.id).or_insert_with(|| empty(hit.id));
        candidate.score += WORDS / (K + f64::from(rank));
        candidate.all_words = hit.all_words;
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
    fn what_both_sides_found_comes_first() {
        let id = ids(3);
        let meaning = [id[0], id[1]].map(|id| VectorHit {
            id,
            similarity: 0.5,
        });
        let words = [id[1], id[2]].map(|id| WordHit {
            id,
            all_words: false,
        });
        let order: Vec<ChunkId> = fuse(&meaning, &words).iter().map(|c| c.id).collect();
        assert_eq!(order, [id[1], id[0], id[2]]);
    }

    #[test]
    fn a_far_passage_is_relevant_only_for_all_of_telling_words() {
        let far = Candidate {
            id: ChunkId::new(),
            score: 0.02,
            similarity: Some(0.1),
            all_words: true,
        };
        assert!(far.relevant(0.36, true));
        assert!(!far.relevant(0.36, false));
        let some_words = Candidate {
            all_words: false,
            ..far
        };
        assert!(!some_words.relevant(0.36, true));
        assert!(
            Candidate {
                similarity: Some(0.4),
                ..some_words
            }
            .relevant(0.36, false)
        );
    }

    #[test]
    fn nothing_fuses_to_nothing() {
        assert!(fuse(&[], &[]).is_empty());
    }
}
