//! The command `models`: makes models available in Ollama and proves that they work. Kubernetes
//! runs it as a Job.

mod progress;
mod retry;
mod settings;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use backon::Retryable as _;
use reqwest::Body;
use serde::Serialize;
use shared_config::Reader;
use shared_web::telemetry;

pub use crate::domain::models::ModelUse;
pub use settings::{ModelSettings, ModelSource, Settings};

use crate::app::index::embed::{EmbedError, Embedder};
use crate::clients::model_error::ModelError;
use crate::clients::model_file::ModelFile;
use crate::clients::model_servers::EmbeddingServers;
use crate::clients::ollama::Ollama;
use crate::config::Queues;
use crate::domain::index::calibration::Calibration;
use crate::domain::models::is_same_model;
use progress::ProgressLog;

/// How long to wait until Ollama accepts connections.
const STARTUP_TIMEOUT: Duration = Duration::from_mins(5);
/// Between two attempts to reach Ollama.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How long an unavailable registry or host of a file is waited for, from the first failure on.
const RETRY_TIMEOUT: Duration = Duration::from_hours(1);
/// Kubernetes keeps so many bytes of the termination message.
const MAX_TERMINATION_MESSAGE: usize = 4096;

/// Why the models are not available.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Settings are missing or wrong.
    #[error(transparent)]
    Settings(#[from] shared_config::Problems),
    /// Ollama did not start in time.
    #[error("ollama at {url} is unavailable after {} s: {cause}", STARTUP_TIMEOUT.as_secs())]
    Unavailable {
        /// The base URL of Ollama.
        url: String,
        /// The last failure.
        cause: ModelError,
    },
    /// A model with the source `image` is not in Ollama's directory.
    #[error("model {0} is not in the store: its image does not contain it, or it was not copied")]
    NotCopied(String),
    /// A model could not be pulled or imported.
    #[error("model {model} could not be fetched: {cause}")]
    Fetch {
        /// The name of the model.
        model: String,
        /// The failure.
        cause: ModelError,
    },
    /// The file of a model could not be downloaded.
    #[error("model {model} could not be downloaded: {cause}")]
    Download {
        /// The name of the model.
        model: String,
        /// The failure.
        cause: reqwest::Error,
    },
    /// The similarities of the embedding model could not be measured.
    #[error("the embedding model {model} could not be calibrated: {cause}")]
    Calibrate {
        /// The name of the model.
        model: String,
        /// The failure.
        cause: EmbedError,
    },
    /// Ollama has a model that does not work.
    #[error("ollama has model {model}, but it does not work: {cause}")]
    Broken {
        /// The name of the model.
        model: String,
        /// The failure.
        cause: ModelError,
    },
}

/// The termination message of a Job that succeeded.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The models, all of them available.
    pub models: Vec<AvailableModel>,
    /// Whether the embedding model tells passages that answer a question from others. If not,
    /// search goes by words.
    pub calibrated: bool,
    /// The languages that the embedding model understands, of those that were tried.
    pub languages: Vec<String>,
}

/// A model that Ollama has.
#[derive(Debug, Serialize)]
pub struct AvailableModel {
    /// The name in Ollama.
    pub name: String,
    /// What the platform uses it for.
    #[serde(rename = "use")]
    pub purpose: ModelUse,
    /// The size in bytes.
    pub size_bytes: u64,
}

/// Runs the Job. Its termination message is the report, or the reason of the failure.
pub async fn main() -> ExitCode {
    let mut reader = Reader::from_env();
    let termination_log = settings::termination_log(&reader);
    telemetry::start_logs(&settings::log_level(&mut reader));
    let outcome = match Settings::from_reader(reader) {
        Ok(settings) => run_patiently(&settings, RETRY_TIMEOUT).await,
        Err(problems) => Err(problems.into()),
    };
    let (code, message) = match outcome {
        Ok(report) => {
            let json = serde_json::to_string(&report).unwrap_or_default();
            tracing::info!(report = json, "all models are available");
            (ExitCode::SUCCESS, json)
        }
        Err(error) => {
            tracing::error!(%error, "models are not available");
            (ExitCode::FAILURE, error.to_string())
        }
    };
    // A character has at most four bytes.
    let message: String = message.chars().take(MAX_TERMINATION_MESSAGE / 4).collect();
    if let Err(error) = tokio::fs::write(&termination_log, message).await {
        tracing::warn!(%error, path = termination_log, "termination message not written");
    }
    code
}

/// Runs [`run`] until it succeeds. What ends by itself, such as a registry that does not answer, is
/// waited for until `patience` has passed; other failures end it at once.
pub async fn run_patiently(settings: &Settings, patience: Duration) -> Result<Report, Error> {
    let started = Instant::now();
    let attempt = || run(settings);
    attempt
        .retry(retry::BACKOFF)
        .when(retry::is_transient)
        .adjust(|_, wait| wait.filter(|wait| started.elapsed() + *wait <= patience))
        .notify(|error, wait| {
            let seconds = wait.as_secs();
            tracing::warn!(%error, seconds, "models not available yet; retrying");
        })
        .await
}

/// Makes every model available and proves that the two models in use work.
pub async fn run(settings: &Settings) -> Result<Report, Error> {
    let unavailable = |cause| Error::Unavailable {
        url: settings.ollama_url.clone(),
        cause,
    };
    let ollama = Ollama::new(&settings.ollama_url).map_err(unavailable)?;
    wait_for_ollama(&ollama, &settings.ollama_url).await?;
    for model in &settings.models {
        provide(&ollama, model).await?;
    }
    prove(&ollama, settings).await?;
    let calibration = measure(&ollama, settings).await?;
    let listed = ollama.list_models().await.map_err(unavailable)?;
    let size_of = |name: &str| {
        let found = listed.iter().find(|model| is_same_model(&model.name, name));
        found.map_or(0, |model| model.size)
    };
    let models = settings.models.iter().map(|model| AvailableModel {
        name: model.name.clone(),
        purpose: model.purpose,
        size_bytes: size_of(&model.name),
    });
    let languages = calibration.iter().flat_map(Calibration::languages);
    Ok(Report {
        models: models.collect(),
        calibrated: calibration.is_some(),
        languages: languages.map(str::to_owned).collect(),
    })
}

/// Calibrates the embedding model, as every process of the service does for itself: the Job says
/// beforehand whether it can be done.
async fn measure(ollama: &Ollama, settings: &Settings) -> Result<Option<Calibration>, Error> {
    let model = &settings.embedding_model;
    let servers = EmbeddingServers::new(&[], (ollama, model));
    let embedder = Embedder::new(servers, model, &Queues::default());
    let measured = embedder.calibrate().await;
    let calibration = measured.map_err(|cause| Error::Calibrate {
        model: model.clone(),
        cause,
    })?;
    if calibration.is_none() {
        tracing::warn!(
            model,
            "the embedding model cannot tell passages that answer a question from others"
        );
    }
    Ok(calibration.cloned())
}

async fn wait_for_ollama(ollama: &Ollama, url: &str) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        match ollama.list_models().await {
            Ok(_) => return Ok(()),
            Err(cause) if started.elapsed() >= STARTUP_TIMEOUT => {
                let url = url.to_owned();
                return Err(Error::Unavailable { url, cause });
            }
            Err(cause) => tracing::info!(%cause, "waiting until ollama is available"),
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn provide(ollama: &Ollama, settings: &ModelSettings) -> Result<(), Error> {
    let model = &settings.name;
    let fetch_error = |cause| Error::Fetch {
        model: model.clone(),
        cause,
    };
    if ollama.has_model(model).await.map_err(fetch_error)? {
        tracing::info!(model, "ollama already has the model");
        return Ok(());
    }
    let mut log = ProgressLog::new(model);
    match &settings.source {
        ModelSource::Image => Err(Error::NotCopied(model.clone())),
        ModelSource::Pull => ollama
            .pull_model(model, |progress| log.record(progress))
            .await
            .map_err(fetch_error),
        ModelSource::Url(url) => {
            let (sha256, body) = download(model, url).await?;
            ollama
                .import_model(model, body, &sha256, |progress| log.record(progress))
                .await
                .map_err(fetch_error)
        }
    }
}

async fn download(model: &str, url: &str) -> Result<(String, Body), Error> {
    tracing::info!(model, "downloading the model's file");
    let read = async {
        let file = ModelFile::new(url)?;
        let sha256 = file.sha256().await?;
        Ok((sha256, file.body().await?))
    };
    read.await.map_err(|cause| Error::Download {
        model: model.to_owned(),
        cause,
    })
}

/// Checks that the embedding model returns vectors and that the chat model can be loaded.
async fn prove(ollama: &Ollama, settings: &Settings) -> Result<(), Error> {
    let broken = |model: &String| {
        let model = model.clone();
        move |cause| Error::Broken { model, cause }
    };
    let texts = ["Breathe in.".to_owned(), "Breathe out.".to_owned()];
    let embedding_model = &settings.embedding_model;
    let vectors = ollama
        .embed(embedding_model, &texts, None)
        .await
        .map_err(broken(embedding_model))?;
    let dimension = vectors.first().map_or(0, Vec::len);
    tracing::info!(
        model = embedding_model,
        dimension,
        "the embedding model works"
    );
    let chat_model = &settings.chat_model;
    ollama
        .load_model(chat_model)
        .await
        .map_err(broken(chat_model))?;
    tracing::info!(model = chat_model, "the chat model works");
    Ok(())
}
