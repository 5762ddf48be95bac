//! The vectors of recent questions, so that a repeated question costs no call of the model.
//!
//! They are kept in this process and not in Redis: anyone who may ask a widget can ask any number
//! of different questions, and what Redis holds for sign-ins and limits must never compete with
//! them for memory.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use shared_models::CreatorId;

/// Memory for vectors, in bytes: about 5,000 of 384 numbers.
const CAPACITY: u64 = 8 * 1024 * 1024;
/// Places of one account: however many different questions it asks, the vectors of other accounts
/// stay.
const PLACES_PER_TENANT: u16 = 256;
/// How long a vector is kept.
const VECTOR_TTL: Duration = Duration::from_mins(10);
/// What an entry takes beside its numbers, estimated.
const ENTRY_OVERHEAD: usize = 160;

/// A vector, and the question that it belongs to.
#[derive(Debug)]
struct Entry {
    question: [u8; 32],
    vector: Vec<f32>,
}

/// The vectors of recent questions. Clones share them.
#[derive(Debug, Clone)]
pub struct QuestionVectors(Cache<(CreatorId, u16), Arc<Entry>>);

impl Default for QuestionVectors {
    fn default() -> Self {
        let cache = Cache::builder()
            .weigher(|_, entry: &Arc<Entry>| weight(entry))
            .max_capacity(CAPACITY)
            .time_to_live(VECTOR_TTL);
        Self(cache.build())
    }
}

impl QuestionVectors {
    /// The vector that this model made of an account's question, if it is still there.
    pub(crate) fn find(&self, tenant: CreatorId, model: &str, question: &str) -> Option<Vec<f32>> {
        let hash = hash(model, question);
        let entry = self.0.get(&(tenant, place(&hash)));
        let found = entry.filter(|entry| entry.question == hash);
        let outcome = if found.is_some() { "hit" } else { "miss" };
        metrics::counter!("ai_engine_question_vectors_total", "outcome" => outcome).increment(1);
        found.map(|entry| entry.vector.clone())
    }

    /// Keeps a vector. It replaces one of another question that has the same place.
    pub(crate) fn insert(&self, tenant: CreatorId, model: &str, question: &str, vector: Vec<f32>) {
        let question = hash(model, question);
        let entry = Arc::new(Entry { question, vector });
        self.0.insert((tenant, place(&question)), entry);
    }
}

/// Another model makes another vector of the same text, so the model is part of the hash.
fn hash(model: &str, question: &str) -> [u8; 32] {
    let hash = Sha256::new_with_prefix(model).chain_update([0]);
    hash.chain_update(question).finalize().into()
}

fn place(hash: &[u8; 32]) -> u16 {
    u16::from_le_bytes([hash[0], hash[1]]) % PLACES_PER_TENANT
}

fn weight(entry: &Entry) -> u32 {
    let bytes = ENTRY_OVERHEAD + size_of_val(entry.vector.as_slice());
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_belongs_to_one_account_one_model_and_one_question() {
        let vectors = QuestionVectors::default();
        let tenant = CreatorId::new();
        vectors.insert(tenant, "minilm", "How cold?", vec![1.0, 2.0]);
        assert_eq!(
            vectors.find(tenant, "minilm", "How cold?"),
            Some(vec![1.0, 2.0])
        );
        for (tenant, model, question) in [
            (CreatorId::new(), "minilm", "How cold?"),
            (tenant, "e5", "How cold?"),
            (tenant, "minilm", "How cold"),
            (tenant, "minilmHow", " cold?"),
        ] {
            assert_eq!(vectors.find(tenant, model, question), None);
        }
    }

    #[test]
    fn one_account_takes_a_bounded_share_and_leaves_the_others() {
        let vectors = QuestionVectors::default();
        let (quiet, busy) = (CreatorId::new(), CreatorId::new());
        vectors.insert(quiet, "minilm", "How cold?", vec![0.5; 1024]);
        for number in 0..20_000 {
            vectors.insert(busy, "minilm", &number.to_string(), vec![0.5; 1024]);
        }
        vectors.0.run_pending_tasks();
        assert_eq!(vectors.0.entry_count(), u64::from(PLACES_PER_TENANT) + 1);
        assert!(vectors.find(quiet, "minilm", "How cold?").is_some());
    }

    #[test]
    fn all_accounts_together_take_a_bounded_memory() {
        let vectors = QuestionVectors::default();
        for number in 0..5_000 {
            vectors.insert(CreatorId::new(), "e5", &number.to_string(), vec![0.5; 1024]);
        }
        vectors.0.run_pending_tasks();
        assert!(vectors.0.weighted_size() <= CAPACITY);
        assert!(vectors.0.entry_count() > 1_000);
    }
}
