//! Rankings to compare with: BM25 alone, vectors alone, and their plain fusion.

use std::collections::{HashMap, HashSet};

use crate::data_set::Document;

/// The constant of reciprocal rank fusion, as everybody sets it (Cormack et al., 2009).
const FUSION_CONSTANT: f64 = 60.0;
/// Results that each ranking has.
const LENGTH: usize = 50;

/// Documents by question, as bm25s ranks them with its defaults.
pub(crate) fn by_bm25s(selected: &[String]) -> HashMap<String, Vec<String>> {
    let ranks: HashMap<String, Vec<usize>> =
        serde_json::from_str(include_str!("bm25s.json")).unwrap();
    let ids = |places: Vec<usize>| {
        let mut known = HashSet::new();
        let ids = places.into_iter().map(|at| selected[at].clone());
        ids.filter(|id| known.insert(id.clone())).collect()
    };
    ranks
        .into_iter()
        .map(|(id, ranks)| (id, ids(ranks)))
        .collect()
}

/// Documents by the cosine of their one vector and that of the question.
pub(crate) fn by_vector(
    question: &[f32],
    vectors: &[Vec<f32>],
    documents: &[Document],
) -> Vec<String> {
    let dot = |vector: &[f32]| -> f32 { vector.iter().zip(question).map(|(a, b)| a * b).sum() };
    let mut found: Vec<(f32, &String)> = vectors
        .iter()
        .map(|vector| dot(vector))
        .zip(documents.iter().map(|document| &document.id))
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let ids = found.into_iter().take(LENGTH);
    ids.map(|(_, id)| id.clone()).collect()
}

/// The plain fusion of two rankings, by rank.
pub(crate) fn fused(rankings: [&[String]; 2]) -> Vec<String> {
    let mut scores: HashMap<&String, f64> = HashMap::new();
    for ranking in rankings {
        let mut rank = FUSION_CONSTANT;
        for id in ranking {
            rank += 1.0;
            *scores.entry(id).or_default() += 1.0 / rank;
        }
    }
    let mut found: Vec<(&String, f64)> = scores.into_iter().collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    found.into_iter().map(|(id, _)| id.clone()).collect()
}
