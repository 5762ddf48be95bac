//! The model servers of the platform, in order of preference, for chat and for embeddings. What one
//! cannot do, the next is asked to do.

mod attempts;
mod chat;
mod embeddings;
mod measured;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shared_ai_client::FallbackReason;
use shared_config::Store;

use super::chat_stream::ChatStream;
use super::connection::{Connection, Unusable};
use super::model_error::ModelError;
use super::ollama::{ChatRequest, Ollama};
use super::openai::OpenAi;
use crate::config::{ModelServerSettings, ServerKind};
use crate::domain::failover::ServerHealth;
use attempts::Attempts;
pub(crate) use chat::{AnsweredBy, ChatServers, StartedChat};
pub(crate) use embeddings::{EmbedTimeouts, EmbeddingServers};

/// The name of the platform's own Ollama among the servers.
pub(crate) const OWN: &str = Store::Ollama.name();

/// What a server speaks.
#[derive(Debug, Clone)]
enum Protocol {
    Ollama(Ollama),
    OpenAi(OpenAi),
}

/// One server with its model for one use.
#[derive(Debug, Clone)]
struct Candidate {
    server: String,
    model: String,
    /// None if its Secret is missing or wrong: then it is never asked.
    protocol: Option<Protocol>,
}

/// The servers of one use, best first.
#[derive(Debug, Clone)]
struct Candidates(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `chat` or `embeddings`, in logs and metrics.
    purpose: &'static str,
    list: Vec<Candidate>,
    /// In the same order.
    health: Mutex<Vec<ServerHealth>>,
}

/// What is known of one use of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerStatus {
    pub(crate) server: String,
    pub(crate) model: String,
    /// Why it is left alone at the moment.
    pub(crate) paused: Option<FallbackReason>,
}

impl Protocol {
    fn new(settings: &ModelServerSettings) -> Result<Self, Unusable> {
        let ModelServerSettings {
            name: _,
            kind,
            url,
            key,
            needs_key,
            ca,
            needs_ca,
            chat_model: _,
            embedding_model: _,
        } = settings;
        // Without its key or CA it would be asked as somebody else, or trusted by mistake.
        if *needs_key && key.is_none() {
            return Err(Unusable::NoKey);
        }
        if *needs_ca && ca.is_none() {
            return Err(Unusable::NoCa);
        }
        let connection = Connection::new(url, key.clone(), ca.as_deref())?;
        Ok(match kind {
            ServerKind::Ollama => Self::Ollama(Ollama::at(connection)),
            ServerKind::OpenAi => Self::OpenAi(OpenAi::at(connection)),
        })
    }

    async fn chat(&self, model: &str, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        match self {
            Self::Ollama(server) => server.chat(model, request).await,
            Self::OpenAi(server) => server.chat(model, request).await,
        }
    }

    async fn embed(
        &self,
        model: &str,
        texts: &[String],
        timeout: Option<Duration>,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        match self {
            Self::Ollama(server) => server.embed(model, texts, timeout).await,
            Self::OpenAi(server) => server.embed(model, texts, timeout).await,
        }
    }
}

impl Candidates {
    /// The servers that have a model for the use, and the platform's own Ollama after them.
    fn new(
        purpose: &'static str,
        servers: &[ModelServerSettings],
        model: impl Fn(&ModelServerSettings) -> Option<&String>,
        own: (&Ollama, &str),
    ) -> Self {
        let mut list = Vec::new();
        for server in servers {
            let Some(model) = model(server) else { continue };
            let protocol = Protocol::new(server);
            if let Err(cause) = &protocol {
                let server = &server.name;
                tracing::error!(%cause, server, purpose, "model server cannot be used");
                measured::availability(server, purpose, false);
            }
            list.push(Candidate {
                server: server.name.clone(),
                model: model.clone(),
                protocol: protocol.ok(),
            });
        }
        let (ollama, model) = own;
        list.push(Candidate {
            server: OWN.to_owned(),
            model: model.to_owned(),
            protocol: Some(Protocol::Ollama(ollama.clone())),
        });
        let health = list.iter().map(|candidate| match candidate.protocol {
            Some(_) => ServerHealth::default(),
            None => ServerHealth::unusable(),
        });
        let health = Mutex::new(health.collect());
        Self(Arc::new(Inner {
            purpose,
            list,
            health,
        }))
    }

    /// The preferred server, if there is one of that name, is asked first.
    fn attempts(&self, preferred: Option<&str>) -> Attempts<'_> {
        let named = |name: &str| self.0.list.iter().position(|server| server.server == name);
        Attempts::new(&self.0, preferred.and_then(named))
    }

    /// Records a failure that came after a success.
    fn record_failure(&self, server: &str, error: &ModelError) {
        let index = self.0.list.iter().position(|found| found.server == server);
        let reason = error.fallback_reason();
        if let Ok(mut health) = self.0.health.lock()
            && let Some(health) = index.and_then(|index| health.get_mut(index))
        {
            health.record_failure(Instant::now(), reason, error.retry_after());
        }
        measured::call(server, self.0.purpose, Some(reason));
    }

    /// Whether a server other than the last one would be asked now.
    fn has_alternative(&self) -> bool {
        let statuses = self.statuses();
        let others = statuses.len().saturating_sub(1);
        statuses[..others]
            .iter()
            .any(|status| status.paused.is_none())
    }

    /// What is known of each server, best first.
    fn statuses(&self) -> Vec<ServerStatus> {
        let now = Instant::now();
        let health = self.0.health.lock();
        let paused = |index: usize| health.as_ref().ok()?.get(index)?.paused(now);
        let listed = self.0.list.iter().enumerate();
        listed
            .map(|(index, candidate)| ServerStatus {
                server: candidate.server.clone(),
                model: candidate.model.clone(),
                paused: paused(index),
            })
            .collect()
    }
}
