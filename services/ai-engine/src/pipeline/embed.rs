//! Texts become vectors: in bounded batches, and no bad text stops the others.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::domain::embedding::EmbeddingModel;
use crate::gate::{Gate, Limits, Overloaded};
use crate::ollama::{Ollama, OllamaError};

/// Texts of one call. Ollama serves in order of arrival, so a question waits behind the texts that
/// came before it: few at once, and one call at a time.
pub const BATCH: usize = 8;
/// Batches at once and waiting; documents are not in a hurry.
const DOCUMENTS: Limits = Limits {
    at_once: 1,
    waiting: 256,
};
/// Questions at once and waiting.
const QUERIES: Limits = Limits {
    at_once: 8,
    waiting: 64,
};
/// How long a question waits for its turn, and for its vector: a cold model loads first.
const QUERY: Duration = Duration::from_secs(30);
/// How long a batch waits for its turn.
const TURN: Duration = Duration::from_mins(5);
/// Tries of a batch while Ollama is busy or its runner has just died.
const TRIES: u32 = 3;
/// A text over the window is read in halves, these again, and so on: at most so often.
const HALVINGS: u32 = 5;

/// Makes vectors with one model.
#[derive(Debug, Clone)]
pub struct Embedder {
    ollama: Ollama,
    model: Arc<EmbeddingModel>,
    documents: Gate,
    queries: Gate,
    dimension: Arc<OnceCell<usize>>,
}

/// Why there are no vectors.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// Ollama failed.
    #[error(transparent)]
    Ollama(#[from] OllamaError),
    /// Too many wait already.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
}

impl From<EmbedError> for crate::error::Error {
    fn from(error: EmbedError) -> Self {
        match error {
            EmbedError::Ollama(cause) => cause.into(),
            EmbedError::Overloaded(cause) => cause.into(),
        }
    }
}

impl Embedder {
    /// Vectors of that model.
    pub fn new(ollama: Ollama, model: &str) -> Self {
        Self {
            ollama,
            model: Arc::new(EmbeddingModel::named(model)),
            documents: Gate::new(DOCUMENTS),
            queries: Gate::new(QUERIES),
            dimension: Arc::default(),
        }
    }

    /// The model.
    pub fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    /// How many numbers a vector has.
    pub async fn dimension(&self) -> Result<usize, OllamaError> {
        let ask = || self.ollama.dimension(&self.model.name);
        self.dimension.get_or_try_init(ask).await.copied()
    }

    /// The vector of a question.
    pub async fn query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let pass = self.queries.enter(QUERY).await?;
        let text = self.model.query(text);
        let patience = Some(QUERY);
        let call = self
            .ollama
            .embed(&self.model.name, std::slice::from_ref(&text), patience);
        let found = match call.await {
            Err(OllamaError::TooLong) => self.halves(&text).await,
            Ok(vectors) => Ok(vectors.into_iter().next().unwrap_or_default()),
            Err(error) => Err(error),
        };
        pass.report(&found);
        Ok(found?)
    }

    /// The vectors of passages, none for one that the model refuses. An error means that Ollama
    /// is away, or that no text at all came through.
    pub async fn documents(&self, texts: &[String]) -> Result<Vec<Option<Vec<f32>>>, EmbedError> {
        let pass = self.documents.enter(TURN).await?;
        let texts: Vec<String> = texts.iter().map(|text| self.model.document(text)).collect();
        let found = self.bisected(&texts).await;
        pass.report(&found);
        Ok(found?)
    }

    /// Splits a failing batch until the text that fails stands alone.
    async fn bisected(&self, texts: &[String]) -> Result<Vec<Option<Vec<f32>>>, OllamaError> {
        let mut vectors = vec![None; texts.len()];
        let mut open: Vec<Range<usize>> = std::iter::once(0..texts.len()).collect();
        let mut last = None;
        while let Some(range) = open.pop() {
            let part = texts.get(range.clone()).unwrap_or_default();
            match self.patiently(part).await {
                Ok(found) => {
                    for (slot, vector) in vectors[range].iter_mut().zip(found) {
                        *slot = Some(vector);
                    }
                }
                Err(error) if error.away() => return Err(error),
                Err(error) if range.len() > 1 => {
                    tracing::debug!(%error, texts = range.len(), "a batch is halved");
                    let middle = range.start + range.len() / 2;
                    open.extend([middle..range.end, range.start..middle]);
                }
                Err(OllamaError::TooLong) => {
                    let text = part.first().map_or("", String::as_str);
                    vectors[range.start] = Some(self.halves(text).await?);
                }
                Err(error) => {
                    metrics::counter!("ai_passages_refused_total").increment(1);
                    tracing::warn!(%error, "the model refuses a passage");
                    last = Some(error);
                }
            }
        }
        match last {
            Some(error) if vectors.iter().all(Option::is_none) => Err(error),
            _ => Ok(vectors),
        }
    }

    async fn patiently(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, OllamaError> {
        let mut attempt = 1;
        loop {
            match self.ollama.embed(&self.model.name, texts, None).await {
                Err(OllamaError::Busy | OllamaError::Runner(_)) if attempt < TRIES => {
                    tokio::time::sleep(Duration::from_millis(300) * attempt).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    /// The mean of the vectors of a text's parts: better than a text that is cut, or left out.
    async fn halves(&self, text: &str) -> Result<Vec<f32>, OllamaError> {
        let mut parts = vec![text.to_owned()];
        for _ in 0..HALVINGS {
            parts = parts.iter().flat_map(|part| halved(part)).collect();
            match self.patiently(&parts).await {
                Ok(vectors) => return Ok(mean(&vectors)),
                Err(OllamaError::TooLong) => {}
                Err(error) => return Err(error),
            }
        }
        Err(OllamaError::TooLong)
    }
}

/// Two halves, cut between words where that is possible.
fn halved(text: &str) -> Vec<String> {
    let middle = text.char_indices().nth(text.chars().count() / 2);
    let middle = middle.map_or(0, |(at, _)| at);
    let gap = text[middle..].find(char::is_whitespace);
    let cut = gap.map_or(middle, |gap| middle + gap);
    let (first, second) = text.split_at(cut);
    let whole = |part: &&str| !part.trim().is_empty();
    let parts = [first, second].into_iter().filter(whole);
    parts.map(str::to_owned).collect()
}

/// The mean, of length 1 as vectors of Ollama are.
fn mean(vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0_f32; vectors.first().map_or(0, Vec::len)];
    for vector in vectors {
        for (total, number) in sum.iter_mut().zip(vector) {
            *total += number;
        }
    }
    let length = sum.iter().map(|n| n * n).sum::<f32>().sqrt();
    if length > 0.0 {
        for number in &mut sum {
            *number /= length;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_lose_nothing_and_keep_words() {
        let text = "one two three four five six";
        let parts = halved(text);
        assert_eq!(parts.concat(), text);
        assert_eq!(parts.len(), 2);
        assert_eq!(halved(&"é".repeat(9)).concat(), "é".repeat(9));
        assert_eq!(halved("x"), ["x"]);
    }

    #[test]
    fn a_mean_has_length_one() {
        assert_eq!(mean(&[vec![1.0, 0.0], vec![1.0, 0.0]]), [1.0, 0.0]);
        let mixed = mean(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
        assert!((mixed.iter().map(|n| n * n).sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
