//! The settings of the Job that makes models available. It needs no database.

use serde::Deserialize;
use shared_config::{Problems, Reader, keys};

use crate::domain::models::ModelUse;

/// What the Job reads from its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base URL of Ollama.
    pub ollama_url: String,
    /// The models to make available.
    pub models: Vec<ModelSettings>,
    /// The model that writes answers.
    pub chat_model: String,
    /// The model that makes vectors of texts.
    pub embedding_model: String,
}

/// A model to make available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSettings {
    /// The name in Ollama.
    pub name: String,
    /// What the platform uses it for.
    pub purpose: ModelUse,
    /// Where it comes from.
    pub source: ModelSource,
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// Ollama's library.
    Pull,
    /// An init container copies it from an image into Ollama's directory.
    Image,
    /// A GGUF file at this URL.
    Url(String),
}

/// A model as the operator writes it, like in the custom resource.
#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "use")]
    purpose: ModelUse,
    #[serde(default)]
    source: SourceKind,
    url: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SourceKind {
    #[default]
    Pull,
    Image,
    Url,
}

impl Settings {
    /// Reads the settings, or lists every problem.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let listed = reader.required(keys::MODELS);
        let models = if listed.is_empty() {
            Vec::new()
        } else {
            parse_models(&listed).unwrap_or_else(|reason| {
                reader.problem(keys::MODELS, &reason);
                Vec::new()
            })
        };
        let settings = Self {
            ollama_url: reader.url(keys::OLLAMA_URL),
            models,
            chat_model: reader.required(keys::CHAT_MODEL),
            embedding_model: reader.required(keys::EMBEDDING_MODEL),
        };
        reader.finish(settings)
    }
}

/// The file of the termination message. Read separately, since it is needed also if the other
/// settings are wrong.
pub(super) fn termination_log(reader: &Reader) -> String {
    reader.optional(keys::TERMINATION_LOG, "/dev/termination-log")
}

pub(super) fn log_level(reader: &mut Reader) -> String {
    reader.optional(keys::LOG_LEVEL, "info")
}

fn parse_models(text: &str) -> Result<Vec<ModelSettings>, String> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    entries.into_iter().map(parse_model).collect()
}

fn parse_model(entry: Entry) -> Result<ModelSettings, String> {
    let Entry {
        name,
        purpose,
        source,
        url,
    } = entry;
    let model_source = match (source, url) {
        (SourceKind::Pull, _) => ModelSource::Pull,
        (SourceKind::Image, _) => ModelSource::Image,
        (SourceKind::Url, Some(url)) => ModelSource::Url(url),
        (SourceKind::Url, None) => return Err(format!("model {name} has source url and no url")),
    };
    Ok(ModelSettings {
        name,
        purpose,
        source: model_source,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(models: &str) -> Result<Settings, Problems> {
        let values = [
            (keys::OLLAMA_URL, "http://ollama:11434"),
            (keys::CHAT_MODEL, "tiny-llama"),
            (keys::EMBEDDING_MODEL, "all-minilm"),
            (keys::MODELS, models),
        ];
        let values = values.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Settings::from_reader(Reader::from_map(BTreeMap::from(values)))
    }

    #[test]
    fn the_operators_list_is_read_without_database_settings() {
        let text = r#"[{"name":"tiny-llama","use":"chat","source":"image","image":"models:1"},
            {"name":"all-minilm","use":"embedding"},
            {"name":"own","use":"chat","source":"url","url":"http://x/y.gguf"}]"#;
        let models = read(text).unwrap().models;
        assert_eq!(models[0].source, ModelSource::Image);
        assert_eq!(models[1].source, ModelSource::Pull);
        assert_eq!(models[1].purpose, ModelUse::Embedding);
        assert_eq!(
            models[2].source,
            ModelSource::Url("http://x/y.gguf".to_owned())
        );
        assert!(read("[]").unwrap().models.is_empty());
    }

    #[test]
    fn a_malformed_list_is_reported() {
        for text in ["", "{", r#"[{"name":"x","use":"chat","source":"url"}]"#] {
            let problems = read(text).unwrap_err();
            assert_eq!(problems.0.len(), 1, "{problems}");
            assert_eq!(problems.0[0].key, keys::MODELS);
        }
    }
}
