//! The settings of this service.

mod model_servers;
mod queues;

use shared_ai_client::AnswerMode;
use shared_auth::VerifierSettings;
use shared_cache::CacheSettings;
use shared_config::{Problems, Reader, Service, keys};
use shared_db::DatabaseSettings;
use shared_jobs::retention::RetentionSettings;
use shared_web::serve::ServeSettings;

pub use model_servers::{ModelServerSettings, ServerKind};
pub use queues::Queues;

/// Everything that ai-engine reads from its environment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Listeners, logs, CORS.
    pub serve: ServeSettings,
    /// PostgreSQL.
    pub database: DatabaseSettings,
    /// How long rows that are over are kept.
    pub retention: RetentionSettings,
    /// Redis.
    pub cache: CacheSettings,
    /// How tokens of callers are verified.
    pub verifier: VerifierSettings,
    /// Base URL of creator-hub, which stores the texts to be indexed.
    pub creator_hub_url: String,
    /// Ollama and Chroma.
    pub engines: Engines,
}

/// The model servers and Chroma.
#[derive(Debug, Clone)]
pub struct Engines {
    /// The base URL of Ollama.
    pub ollama_url: String,
    /// The base URL of Chroma.
    pub chroma_url: String,
    /// The model that writes answers.
    pub chat_model: String,
    /// The model that makes vectors of texts.
    pub embedding_model: String,
    /// The servers that are asked before Ollama, in order of preference.
    pub model_servers: Vec<ModelServerSettings>,
    /// The mode of a question that sets none.
    pub answer_mode: AnswerMode,
    /// How many calls of models run and wait.
    pub queues: Queues,
    /// The prefix of Chroma's collections. Tests share one Chroma, so each has its own prefix.
    pub collections: String,
}

impl Config {
    /// Reads the settings, or lists every problem.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let embedding_model = reader.required(keys::EMBEDDING_MODEL);
        let config = Self {
            serve: ServeSettings::from_reader(&mut reader, Service::AiEngine),
            database: DatabaseSettings::from_reader(&mut reader),
            retention: RetentionSettings::from_reader(&mut reader, Service::AiEngine),
            cache: CacheSettings::from_reader(&mut reader),
            verifier: VerifierSettings::from_reader(&mut reader, Service::AiEngine),
            creator_hub_url: reader.url(keys::CREATOR_HUB_URL),
            engines: Engines {
                ollama_url: reader.url(keys::OLLAMA_URL),
                chroma_url: reader.url(keys::CHROMA_URL),
                chat_model: reader.required(keys::CHAT_MODEL),
                model_servers: model_servers::read(&mut reader, &embedding_model),
                embedding_model,
                answer_mode: reader.parsed(keys::ANSWER_MODE, AnswerMode::Auto),
                queues: queues::read(&mut reader),
                collections: "knowledge".to_owned(),
            },
        };
        reader.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn all_missing_settings_are_reported_at_once() {
        let problems = Config::from_reader(Reader::from_map(BTreeMap::new())).unwrap_err();
        let named: Vec<&str> = problems.0.iter().map(|problem| problem.key).collect();
        for key in [
            keys::DATABASE_HOST,
            keys::REDIS_HOST,
            keys::AUTH_URL,
            keys::AI_ENGINE_TO_CREATOR_HUB_KEY,
            keys::CHANNEL_TO_AI_ENGINE_KEY,
            keys::CREATOR_HUB_URL,
            keys::OLLAMA_URL,
            keys::CHROMA_URL,
            keys::CHAT_MODEL,
            keys::EMBEDDING_MODEL,
        ] {
            assert!(named.contains(&key), "{key}");
        }
    }
}
