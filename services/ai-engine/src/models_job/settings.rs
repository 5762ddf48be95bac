//! The settings of the models Job: no database among them.

use serde::{Deserialize, Serialize};
use shared_config::{Problems, Reader, keys};

/// What the Job reads from its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Base URL of Ollama.
    pub ollama_url: String,
    /// The models to make available.
    pub models: Vec<Wanted>,
    /// The model that writes answers.
    pub chat_model: String,
    /// The model that makes vectors.
    pub embedding_model: String,
}

/// A model to make available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: Use,
    /// Where it comes from.
    pub source: Source,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Writes answers.
    Chat,
    /// Makes vectors.
    Embedding,
}

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Ollama's library.
    Pull,
    /// An init container copied it into the store.
    Image,
    /// A GGUF file at an address.
    Url(String),
}

/// A model as the operator writes it: a part of the custom resource.
#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "use")]
    purpose: Use,
    #[serde(default)]
    source: Kind,
    url: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
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
            parsed(&listed).unwrap_or_else(|reason| {
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

/// Where the last words go; read apart, since they are needed when the rest is wrong.
pub fn termination_log(reader: &Reader) -> String {
    reader.optional(keys::TERMINATION_LOG, "/dev/termination-log")
}

/// How much is said.
pub fn log_level(reader: &mut Reader) -> String {
    reader.optional(keys::LOG_LEVEL, "info")
}

fn parsed(text: &str) -> Result<Vec<Wanted>, String> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    entries.into_iter().map(wanted).collect()
}

fn wanted(entry: Entry) -> Result<Wanted, String> {
    let Entry {
        name,
        purpose,
        source,
        url,
    } = entry;
    let source = match (source, url) {
        (Kind::Pull, _) => Source::Pull,
        (Kind::Image, _) => Source::Image,
        (Kind::Url, Some(url)) => Source::Url(url),
        (Kind::Url, None) => return Err(format!("model {name} has source url and no url")),
    };
    Ok(Wanted {
        name,
        purpose,
        source,
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
    fn the_operators_list_is_read_and_no_database_is_asked_for() {
        let text = r#"[{"name":"tiny-llama","use":"chat","source":"image","image":"models:1"},
            {"name":"all-minilm","use":"embedding"},
            {"name":"own","use":"chat","source":"url","url":"http://x/y.gguf"}]"#;
        let models = read(text).unwrap().models;
        assert_eq!(models[0].source, Source::Image);
        assert_eq!(models[1].source, Source::Pull);
        assert_eq!(models[1].purpose, Use::Embedding);
        assert_eq!(models[2].source, Source::Url("http://x/y.gguf".to_owned()));
        assert!(read("[]").unwrap().models.is_empty());
    }

    #[test]
    fn a_wrong_list_is_named() {
        for text in ["", "{", r#"[{"name":"x","use":"chat","source":"url"}]"#] {
            let problems = read(text).unwrap_err();
            assert_eq!(problems.0.len(), 1, "{problems}");
            assert_eq!(problems.0[0].key, keys::MODELS);
        }
    }
}
