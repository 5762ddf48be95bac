//! `models`: makes the models available and proves that they work. Kubernetes runs it as a Job.

pub mod download;
pub mod settings;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use reqwest::Body;
use serde::Serialize;
use shared_config::Reader;
use shared_web::telemetry;

use crate::ollama::library::Step;
use crate::ollama::{Ollama, OllamaError};
use download::Remote;
use settings::{Settings, Source, Use, Wanted};

/// How long Ollama has to come up.
const PATIENCE: Duration = Duration::from_mins(5);
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);
/// Kubernetes keeps so many bytes of last words.
const LAST_WORDS: usize = 4096;

/// What kept the models from being available.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Settings are missing or wrong.
    #[error(transparent)]
    Settings(#[from] shared_config::Problems),
    /// Ollama never answered.
    #[error("ollama at {url} did not answer within {} s: {cause}", PATIENCE.as_secs())]
    NeverUp {
        /// Where.
        url: String,
        /// The last failure.
        cause: OllamaError,
    },
    /// A model of source image is not in the store.
    #[error("model {0} is not in the store: its image did not hold it, or was not copied")]
    NotCopied(String),
    /// A model could not be fetched.
    #[error("model {model} could not be fetched: {cause}")]
    Fetch {
        /// The model.
        model: String,
        /// Why not.
        cause: OllamaError,
    },
    /// A file could not be downloaded.
    #[error("model {model} could not be downloaded: {cause}")]
    Download {
        /// The model.
        model: String,
        /// Why not.
        cause: reqwest::Error,
    },
    /// A model is there and does not work.
    #[error("model {model} is there and does not work: {cause}")]
    Broken {
        /// The model.
        model: String,
        /// Why not.
        cause: OllamaError,
    },
}

/// What the Job leaves as its last words.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The models, all of them working.
    pub models: Vec<Ready>,
}

/// A model that works.
#[derive(Debug, Serialize)]
pub struct Ready {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(rename = "use")]
    pub purpose: Use,
    /// Its size, bytes.
    pub size_bytes: u64,
}

/// Runs the Job; its last words are the report, or the reason why there is none.
pub async fn main() -> ExitCode {
    let mut reader = Reader::from_env();
    let log = settings::termination_log(&reader);
    telemetry::start_logs(&settings::log_level(&mut reader));
    let outcome = match Settings::from_reader(reader) {
        Ok(settings) => run(&settings).await,
        Err(problems) => Err(problems.into()),
    };
    let (code, words) = match outcome {
        Ok(report) => {
            let words = serde_json::to_string(&report).unwrap_or_default();
            tracing::info!(report = words, "the models are ready");
            (ExitCode::SUCCESS, words)
        }
        Err(error) => {
            tracing::error!(%error, "the models are not ready");
            (ExitCode::FAILURE, error.to_string())
        }
    };
    let words: String = words.chars().take(LAST_WORDS / 4).collect();
    if let Err(error) = tokio::fs::write(&log, words).await {
        tracing::warn!(%error, path = log, "the last words could not be written");
    }
    code
}

/// Makes every model available and proves that the two in use work.
pub async fn run(settings: &Settings) -> Result<Report, Error> {
    let ollama = Ollama::new(&settings.ollama_url).map_err(|cause| Error::NeverUp {
        url: settings.ollama_url.clone(),
        cause,
    })?;
    wait(&ollama, &settings.ollama_url).await?;
    for wanted in &settings.models {
        provide(&ollama, wanted).await?;
    }
    prove(&ollama, settings).await?;
    let has = ollama.tags().await.map_err(|cause| Error::NeverUp {
        url: settings.ollama_url.clone(),
        cause,
    })?;
    let size = |name: &str| {
        let mut found = has.iter();
        let found = found.find(|model| crate::ollama::same_model(&model.name, name));
        found.map_or(0, |model| model.size)
    };
    let ready = settings.models.iter().map(|wanted| Ready {
        name: wanted.name.clone(),
        purpose: wanted.purpose,
        size_bytes: size(&wanted.name),
    });
    Ok(Report {
        models: ready.collect(),
    })
}

async fn wait(ollama: &Ollama, url: &str) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        match ollama.tags().await {
            Ok(_) => return Ok(()),
            Err(cause) if started.elapsed() >= PATIENCE => {
                let url = url.to_owned();
                return Err(Error::NeverUp { url, cause });
            }
            Err(cause) => tracing::info!(%cause, "waiting for ollama"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn provide(ollama: &Ollama, wanted: &Wanted) -> Result<(), Error> {
    let model = &wanted.name;
    let fetch = |cause| Error::Fetch {
        model: model.clone(),
        cause,
    };
    if ollama.has(model).await.map_err(fetch)? {
        tracing::info!(model, "is there");
        return Ok(());
    }
    let mut progress = Progress::of(model);
    match &wanted.source {
        Source::Image => Err(Error::NotCopied(model.clone())),
        Source::Pull => ollama
            .pull(model, |step| progress.tell(step))
            .await
            .map_err(fetch),
        Source::Url(url) => {
            let (sha256, body) = downloaded(model, url).await?;
            let imported = ollama.import(model, body, &sha256, |step| progress.tell(step));
            imported.await.map_err(fetch)
        }
    }
}

async fn downloaded(model: &str, url: &str) -> Result<(String, Body), Error> {
    tracing::info!(model, "downloading");
    let read = async {
        let remote = Remote::at(url)?;
        let sha256 = remote.sha256().await?;
        Ok((sha256, remote.body().await?))
    };
    read.await.map_err(|cause| Error::Download {
        model: model.to_owned(),
        cause,
    })
}

/// The embedding model answers with vectors, and the chat model loads.
async fn prove(ollama: &Ollama, settings: &Settings) -> Result<(), Error> {
    let broken = |model: &String| {
        let model = model.clone();
        move |cause| Error::Broken { model, cause }
    };
    let texts = ["Breathe in.".to_owned(), "Breathe out.".to_owned()];
    let embedding = &settings.embedding_model;
    let vectors = ollama.embed(embedding, &texts, None).await;
    let vectors = vectors.map_err(broken(embedding))?;
    let dimension = vectors.first().map_or(0, Vec::len);
    tracing::info!(model = embedding, dimension, "makes vectors");
    let chat = &settings.chat_model;
    ollama.load(chat).await.map_err(broken(chat))?;
    tracing::info!(model = chat, "loads");
    Ok(())
}

/// Tells of progress, but not of every step.
struct Progress {
    model: String,
    status: String,
    told: Option<Instant>,
}

impl Progress {
    fn of(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            status: String::new(),
            told: None,
        }
    }

    fn tell(&mut self, step: &Step) {
        let due = self.told.is_none_or(|told| told.elapsed() >= PROGRESS);
        if due || step.status != self.status {
            let percent = (step.completed * 100).checked_div(step.total);
            tracing::info!(
                model = self.model,
                status = step.status,
                percent,
                "progress"
            );
            self.status.clone_from(&step.status);
            self.told = Some(Instant::now());
        }
    }
}
