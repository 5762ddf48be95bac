//! Makes vectors of texts in small batches; a text that the model refuses does not fail the others.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable as _};
use tokio::sync::OnceCell;

use super::calibrate::measure;
use crate::clients::bulkhead::{Bulkhead, Overloaded, Patience};
use crate::clients::model_error::ModelError;
use crate::clients::model_servers::{EmbedTimeouts, EmbeddingServers};
use crate::clients::vectors::normalised;
use crate::config::Queues;
use crate::domain::caller::Caller;
use crate::domain::index::calibration::Calibration;
use crate::domain::index::embedding_model::EmbeddingModel;

/// Texts in one call. Ollama handles texts in order of arrival, so a question waits behind all
/// texts of earlier calls. Therefore batches are small and sent one at a time.
pub(crate) const BATCH_SIZE: usize = 8;
/// For the queue and for the call of a question. Ollama may have to load the model first.
const QUERY_TIMEOUT: Duration = Duration::from_secs(30);
/// For a question at a server that another one can replace: the visitor waits.
const REPLACEABLE_QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// For a batch at such a server.
const REPLACEABLE_BATCH_TIMEOUT: Duration = Duration::from_secs(30);
const FOR_QUERIES: EmbedTimeouts = EmbedTimeouts {
    replaceable: REPLACEABLE_QUERY_TIMEOUT,
    last: Some(QUERY_TIMEOUT),
};
const FOR_EARLIER_QUERIES: EmbedTimeouts = EmbedTimeouts {
    replaceable: REPLACEABLE_QUERY_TIMEOUT,
    last: Some(EARLIER_QUERY_TIMEOUT),
};
const FOR_PASSAGES: EmbedTimeouts = EmbedTimeouts {
    replaceable: REPLACEABLE_BATCH_TIMEOUT,
    last: None,
};
/// For the queue of batches.
const PASSAGE_QUEUE_TIMEOUT: Duration = Duration::from_mins(5);
/// For a batch, while questions wait for a slot. Not longer: documents must get on.
const GIVING_WAY_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a batch that gives way looks whether they still do.
const GIVING_WAY_INTERVAL: Duration = Duration::from_millis(20);
/// For a question whose search goes on by words if the earlier model of an account does not answer:
/// the visitor waits.
const EARLIER_QUERY_TIMEOUT: Duration = Duration::from_secs(8);
/// Between attempts of a batch while Ollama is busy or its model has crashed.
const RETRY_BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(300))
    .with_max_times(2);
/// How often a text that exceeds the context window is split in half.
const MAX_SPLITS: u32 = 5;

/// A text that every model embeds, to find out whether a text or the model is at fault.
const HARMLESS_TEXT: &str = "A text without any difficulty.";

/// The vectors of texts, in their order; none for a text that the model refuses.
pub(crate) type MadeVectors = Vec<Option<Vec<f32>>>;

/// Makes vectors with one embedding model.
#[derive(Debug, Clone)]
pub struct Embedder {
    servers: EmbeddingServers,
    model: Arc<EmbeddingModel>,
    passages: Bulkhead,
    queries: Bulkhead,
    query_timeouts: EmbedTimeouts,
    /// Empty until the model has been calibrated; then `None` if its similarities mean nothing.
    calibration: Arc<OnceCell<Option<Calibration>>>,
}

/// Why no vectors were made.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
}

impl Embedder {
    pub(crate) fn new(servers: EmbeddingServers, model: &str, queues: &Queues) -> Self {
        Self {
            servers,
            model: Arc::new(EmbeddingModel::named(model)),
            passages: Bulkhead::new("passages", queues.passages),
            queries: Bulkhead::new("questions", queues.questions),
            query_timeouts: FOR_QUERIES,
            calibration: Arc::default(),
        }
    }

    /// For questions to accounts whose vectors an earlier model of the platform has made.
    pub(super) fn earlier(servers: EmbeddingServers, model: &str, queues: &Queues) -> Self {
        Self {
            query_timeouts: FOR_EARLIER_QUERIES,
            ..Self::new(servers, model, queues)
        }
    }

    pub(crate) fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    /// What the model's similarities mean; `None` if they mean nothing. Measures it at the first
    /// call that succeeds: the model of a process does not change.
    pub async fn calibrate(&self) -> Result<Option<&Calibration>, EmbedError> {
        let measured = self.calibration.get_or_try_init(|| measure(self)).await?;
        Ok(measured.as_ref())
    }

    /// The outcome of `calibrate`, if it has succeeded.
    pub(crate) fn calibration(&self) -> Option<&Option<Calibration>> {
        self.calibration.get()
    }

    /// Sets the outcome of `calibrate` with the same model. It has no effect afterwards.
    pub fn set_calibration(&self, calibration: Option<Calibration>) {
        let _ = self.calibration.set(calibration);
    }

    /// The length of the model's vectors.
    pub(crate) async fn dimension(&self) -> Result<usize, ModelError> {
        self.servers.dimension(FOR_PASSAGES).await
    }

    /// The servers that make the vectors.
    pub(crate) const fn servers(&self) -> &EmbeddingServers {
        &self.servers
    }

    /// Makes the vector of a question.
    pub async fn embed_query(&self, caller: Caller, text: &str) -> Result<Vec<f32>, EmbedError> {
        let patience = Patience::AtMost(QUERY_TIMEOUT);
        let permit = self.queries.acquire(caller, patience).await?;
        let input = self.model.query_input(text);
        let inputs = std::slice::from_ref(&input);
        let vector = match self.servers.embed(inputs, self.query_timeouts).await {
            Err(ModelError::TooLong) => self.embed_split(&input).await,
            Ok(vectors) => Ok(vectors.into_iter().next().unwrap_or_default()),
            Err(error) => Err(error),
        };
        permit.report(vector.as_ref().err());
        Ok(vector?)
    }

    /// Whether neither a question nor a passage is embedded or waits for it.
    pub(super) fn is_idle(&self) -> bool {
        self.queries.is_idle() && self.passages.is_idle()
    }

    /// Questions that wait for a slot.
    pub fn waiting_questions(&self) -> usize {
        self.queries.waiting()
    }

    /// Batches that wait until others are embedded.
    pub fn waiting_batches(&self) -> usize {
        self.passages.waiting()
    }

    /// Makes the vectors of questions that are kept; none for one that the model refuses. Fails
    /// like [`Self::embed_passages`].
    pub(crate) async fn embed_questions(
        &self,
        caller: Caller,
        texts: &[String],
    ) -> Result<MadeVectors, EmbedError> {
        let inputs = texts.iter().map(|text| self.model.query_input(text));
        self.embed_inputs(caller, inputs).await
    }

    /// Makes the vectors of passages; none for a passage that the model refuses. Fails if no server
    /// is available or the model refuses every passage.
    pub(crate) async fn embed_passages(
        &self,
        caller: Caller,
        texts: &[String],
    ) -> Result<MadeVectors, EmbedError> {
        let inputs = texts.iter().map(|text| self.model.passage_input(text));
        self.embed_inputs(caller, inputs).await
    }

    /// No vectors for `texts` that the model refused all, if it embeds others: then they are at
    /// fault, and not the model.
    pub(crate) async fn forgive(
        &self,
        caller: Caller,
        embedded: Result<MadeVectors, EmbedError>,
        texts: usize,
    ) -> Result<MadeVectors, EmbedError> {
        match embedded {
            Err(EmbedError::Model(error)) if !error.is_unavailable() => {
                let harmless = [HARMLESS_TEXT.to_owned()];
                self.embed_passages(caller, &harmless).await?;
                tracing::warn!(%error, texts, "texts get no vectors");
                Ok(vec![None; texts])
            }
            embedded => embedded,
        }
    }

    /// One batch. The slot is given back after it, so that the batches of tenants take turns.
    async fn embed_inputs(
        &self,
        caller: Caller,
        inputs: impl Iterator<Item = String>,
    ) -> Result<MadeVectors, EmbedError> {
        let inputs: Vec<String> = inputs.collect();
        let patience = Patience::AtMost(PASSAGE_QUEUE_TIMEOUT);
        let permit = self.passages.acquire(caller, patience).await?;
        self.give_way_to_questions().await;
        let vectors = self.embed_bisecting(&inputs).await;
        permit.report(vectors.as_ref().err());
        Ok(vectors?)
    }

    /// Waits while questions wait: the model serves in order of arrival.
    async fn give_way_to_questions(&self) {
        let started = Instant::now();
        while self.queries.waiting() > 0 && started.elapsed() < GIVING_WAY_TIMEOUT {
            tokio::time::sleep(GIVING_WAY_INTERVAL).await;
        }
    }

    /// Bisects a failing batch until the failing text is alone.
    async fn embed_bisecting(&self, texts: &[String]) -> Result<MadeVectors, ModelError> {
        let mut vectors = vec![None; texts.len()];
        let mut pending: Vec<Range<usize>> = std::iter::once(0..texts.len()).collect();
        let mut last_refusal = None;
        while let Some(range) = pending.pop() {
            let part = texts.get(range.clone()).unwrap_or_default();
            match self.embed_with_retry(part).await {
                Ok(found) => {
                    for (slot, vector) in vectors[range].iter_mut().zip(found) {
                        *slot = Some(vector);
                    }
                }
                Err(error) if error.is_unavailable() => return Err(error),
                Err(error) if range.len() > 1 => {
                    tracing::debug!(%error, texts = range.len(), "batch failed; bisecting it");
                    let middle = range.start + range.len() / 2;
                    pending.extend([middle..range.end, range.start..middle]);
                }
                Err(ModelError::TooLong) => {
                    let text = part.first().map_or("", String::as_str);
                    vectors[range.start] = Some(self.embed_split(text).await?);
                }
                Err(error) => {
                    metrics::counter!("ai_engine_passages_refused_total").increment(1);
                    tracing::warn!(%error, "embedding model refused a passage");
                    last_refusal = Some(error);
                }
            }
        }
        match last_refusal {
            Some(error) if vectors.iter().all(Option::is_none) => Err(error),
            _ => Ok(vectors),
        }
    }

    async fn embed_with_retry(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError> {
        let attempt = || self.servers.embed(texts, FOR_PASSAGES);
        attempt
            .retry(RETRY_BACKOFF)
            .when(|error| matches!(error, ModelError::Busy { .. } | ModelError::ModelFailed(_)))
            .await
    }

    /// Splits a text that exceeds the context window and returns the mean of its parts' vectors.
    async fn embed_split(&self, text: &str) -> Result<Vec<f32>, ModelError> {
        let mut parts = vec![text.to_owned()];
        for _ in 0..MAX_SPLITS {
            parts = parts.iter().flat_map(|part| split_in_half(part)).collect();
            match self.embed_with_retry(&parts).await {
                Ok(vectors) => return Ok(normalised_mean(&vectors)),
                Err(ModelError::TooLong) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ModelError::TooLong)
    }
}

/// Splits a text in half, between words if possible.
fn split_in_half(text: &str) -> Vec<String> {
    let middle = text
        .char_indices()
        .nth(text.chars().count() / 2)
        .map_or(0, |(offset, _)| offset);
    let gap = text[middle..].find(char::is_whitespace);
    let boundary = gap.map_or(middle, |gap| middle + gap);
    let (first, second) = text.split_at(boundary);
    [first, second]
        .into_iter()
        .filter(|part| !part.trim().is_empty())
        .map(str::to_owned)
        .collect()
}

/// The mean, scaled to length 1 like the vectors of Ollama.
fn normalised_mean(vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0_f32; vectors.first().map_or(0, Vec::len)];
    for vector in vectors {
        for (total, number) in sum.iter_mut().zip(vector) {
            *total += number;
        }
    }
    normalised(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_loses_no_text_and_no_word() {
        let text = "one two three four five six";
        let parts = split_in_half(text);
        assert_eq!(parts.concat(), text);
        assert_eq!(parts.len(), 2);
        assert_eq!(split_in_half(&"é".repeat(9)).concat(), "é".repeat(9));
        assert_eq!(split_in_half("x"), ["x"]);
    }

    #[test]
    fn a_mean_has_length_one() {
        assert_eq!(
            normalised_mean(&[vec![1.0, 0.0], vec![1.0, 0.0]]),
            [1.0, 0.0]
        );
        let mixed = normalised_mean(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
        assert!((mixed.iter().map(|n| n * n).sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
