//! Calibrates the embedding model that Ollama has.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::embed::{BATCH_SIZE, EmbedError, Embedder};
use crate::domain::caller::Caller;
use crate::domain::index::calibration::{self, Calibration, PairVectors};

/// Between two attempts while Ollama or the model is unavailable.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// Embeds the pairs and derives what the model's similarities mean; `None` if they mean nothing.
pub(super) async fn measure(embedder: &Embedder) -> Result<Option<Calibration>, EmbedError> {
    let mut measured = Vec::new();
    for (language, pairs) in calibration::pairs() {
        let (questions, passages): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
        let mut vectors = PairVectors {
            language,
            questions: Vec::new(),
            passages: Vec::new(),
        };
        for batch in questions.chunks(BATCH_SIZE) {
            let batch = embedder.embed_questions(Caller::PLATFORM, batch).await?;
            vectors.questions.extend(known(batch));
        }
        for batch in passages.chunks(BATCH_SIZE) {
            let batch = embedder.embed_passages(Caller::PLATFORM, batch).await?;
            vectors.passages.extend(known(batch));
        }
        measured.push(vectors);
    }
    Ok(Calibration::from_vectors(&measured))
}

/// A text that the model refuses is near to nothing.
fn known(batch: Vec<Option<Vec<f32>>>) -> impl Iterator<Item = Vec<f32>> {
    batch.into_iter().map(Option::unwrap_or_default)
}

/// Calibrates the model of this process as soon as Ollama has it, so that no question waits for it.
pub(crate) async fn run(embedder: &Embedder, stop: &CancellationToken) {
    let model = &embedder.model().name;
    loop {
        let error = match embedder.calibrate().await {
            Ok(calibration) => return report(model, calibration),
            Err(error) => error,
        };
        tracing::info!(%error, model, "embedding model not calibrated yet; will retry");
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETRY_DELAY) => {}
        }
    }
}

fn report(model: &str, calibration: Option<&Calibration>) {
    let is_calibrated = if calibration.is_some() { 1.0 } else { 0.0 };
    metrics::gauge!("ai_engine_embedding_model_calibrated").set(is_calibrated);
    let Some(calibration) = calibration else {
        tracing::error!(
            model,
            "the embedding model cannot tell passages that answer a question from others; search \
             goes by words"
        );
        return;
    };
    tracing::info!(
        model,
        threshold = calibration.threshold(),
        languages = calibration.languages().collect::<Vec<_>>().join(","),
        "embedding model calibrated"
    );
}
