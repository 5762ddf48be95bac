//! How many calls of models run and wait.

use std::time::Duration;

use shared_config::{Reader, keys, limits};
use shared_fair_queue::QueueLimits;

/// The largest number of calls that run at the same time, and of documents.
const MAX_SLOTS: u32 = 64;
/// The longest queue.
const MAX_QUEUE: u32 = 1_000;
/// The longest wait, seconds: callers do not wait longer for the first event of an answer.
const MAX_SECONDS: u32 = 120;
/// Batches of passages that are embedded at the same time. Ollama handles texts in order of
/// arrival, so a question waits behind every batch that was sent before it.
const BATCHES_AT_ONCE: usize = 1;
/// Batches that wait: at most one of each job of this process.
const BATCHES_WAITING: usize = 256;

/// How many calls of models run and wait, and how long.
#[derive(Debug, Clone)]
pub struct Queues {
    /// Answers of the chat model.
    pub generation: QueueLimits,
    /// The longest wait of a question that only the chat model may answer.
    pub generation_patience: Duration,
    /// A question in the mode `auto` that would wait longer is answered with quotations.
    pub quote_after: Duration,
    /// Vectors of questions.
    pub questions: QueueLimits,
    /// Vectors of batches of passages.
    pub passages: QueueLimits,
    /// Documents that are indexed at the same time.
    pub documents_at_once: usize,
}

impl Default for Queues {
    fn default() -> Self {
        read(&mut Reader::from_map(std::collections::BTreeMap::new()))
    }
}

/// Reads the bounds.
pub(super) fn read(reader: &mut Reader) -> Queues {
    let mut number =
        |key, default: i32, low, high| reader.bounded(key, default.unsigned_abs(), low, high);
    let mut slots = |key, default, low| number(key, default, low, MAX_SLOTS);
    let generation_slots = slots(keys::GENERATION_SLOTS, limits::GENERATION_SLOTS, 1);
    let embedding_slots = slots(keys::EMBEDDING_SLOTS, limits::EMBEDDING_SLOTS, 1);
    // One of them is for accounts that have no document in work.
    let documents = slots(keys::INDEXED_DOCUMENTS, limits::INDEXED_DOCUMENTS, 2);
    let mut queue = |key, default| number(key, default, 1, MAX_QUEUE);
    let generation = queue(keys::GENERATION_QUEUE, limits::GENERATION_QUEUE);
    let of_tenant = limits::GENERATION_QUEUE_PER_TENANT;
    let of_tenant = queue(keys::GENERATION_QUEUE_PER_TENANT, of_tenant);
    let embedding = queue(keys::EMBEDDING_QUEUE, limits::EMBEDDING_QUEUE);
    let embedding_of_tenant = limits::EMBEDDING_QUEUE_PER_TENANT;
    let embedding_of_tenant = queue(keys::EMBEDDING_QUEUE_PER_TENANT, embedding_of_tenant);
    let mut seconds = |key, default, low| number(key, default, low, MAX_SECONDS);
    let patience = limits::GENERATION_QUEUE_SECONDS;
    let patience = seconds(keys::GENERATION_QUEUE_SECONDS, patience, 1);
    let quote_after = seconds(keys::QUOTE_AFTER_SECONDS, limits::QUOTE_AFTER_SECONDS, 0);
    Queues {
        generation: of([generation_slots, generation, of_tenant]),
        generation_patience: Duration::from_secs(patience.into()),
        quote_after: Duration::from_secs(quote_after.into()),
        questions: of([embedding_slots, embedding, embedding_of_tenant]),
        passages: QueueLimits {
            slots: BATCHES_AT_ONCE,
            queue: BATCHES_WAITING,
            queue_per_tenant: BATCHES_WAITING,
        },
        documents_at_once: size(documents),
    }
}

fn of([slots, queue, queue_per_tenant]: [u32; 3]) -> QueueLimits {
    QueueLimits {
        slots: size(slots),
        queue: size(queue),
        queue_per_tenant: size(queue_per_tenant),
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_and_those_out_of_range_are_reported() {
        let queues = Queues::default();
        assert_eq!((queues.generation.slots, queues.generation.queue), (4, 16));
        assert_eq!(queues.quote_after, Duration::from_secs(2));
        let value = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let set = [
            value(keys::GENERATION_SLOTS, "1"),
            value(keys::QUOTE_AFTER_SECONDS, "0"),
            value(keys::INDEXED_DOCUMENTS, "1"),
        ];
        let mut reader = Reader::from_map(set.into_iter().collect());
        let queues = read(&mut reader);
        assert_eq!(queues.generation.slots, 1);
        assert_eq!(queues.quote_after, Duration::ZERO);
        let problems = reader.finish(()).unwrap_err();
        let keys: Vec<_> = problems.0.iter().map(|problem| problem.key).collect();
        assert_eq!(keys, [keys::INDEXED_DOCUMENTS]);
    }
}
