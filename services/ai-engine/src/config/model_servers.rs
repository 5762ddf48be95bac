//! The model servers that are asked before Ollama, as the operator writes them.

use serde::Deserialize;
use shared_config::{Reader, Secret, keys};

use crate::domain::models::is_same_model;

/// A server that is asked before Ollama.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelServerSettings {
    /// Its name in records, metrics and logs.
    pub name: String,
    /// What it speaks.
    pub kind: ServerKind,
    /// Its base URL.
    pub url: String,
    /// Its API key, if that is there.
    pub key: Option<Secret<String>>,
    /// Whether it is never asked without a key.
    pub needs_key: bool,
    /// The certificates of its authority in PEM format, if they are there.
    pub ca: Option<String>,
    /// Whether it is never asked without them.
    pub needs_ca: bool,
    /// Its model that writes answers.
    pub chat_model: Option<String>,
    /// Its model that makes vectors.
    pub embedding_model: Option<String>,
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// Ollama's own API.
    Ollama,
    /// The API of OpenAI.
    OpenAi,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    kind: ServerKind,
    url: String,
    #[serde(default)]
    needs_key: bool,
    #[serde(default)]
    needs_ca: bool,
    models: Vec<ModelEntry>,
}

#[derive(Debug, Deserialize)]
struct ModelEntry {
    name: String,
    #[serde(rename = "use")]
    purpose: ServedUse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ServedUse {
    Chat,
    Embeddings,
}

/// Reads the list; empty if there is none. A secret that is not there is no problem here: it makes
/// one server unusable, and not the service.
pub(super) fn read(reader: &mut Reader, embedding_model: &str) -> Vec<ModelServerSettings> {
    let text = reader.optional(keys::MODEL_SERVERS, "[]");
    let entries: Vec<Entry> = match serde_json::from_str(&text) {
        Ok(entries) => entries,
        Err(error) => {
            reader.problem(keys::MODEL_SERVERS, &error.to_string());
            return Vec::new();
        }
    };
    let mut servers = Vec::new();
    for entry in entries {
        let server = settings(entry, reader);
        if let Some(model) = &server.embedding_model
            && !is_same_model(model, embedding_model)
        {
            let reason = format!(
                "has the embedding model {model} at {}, but the platform has {embedding_model}",
                server.name
            );
            reader.problem(keys::MODEL_SERVERS, &reason);
        }
        servers.push(server);
    }
    servers
}

fn settings(entry: Entry, reader: &Reader) -> ModelServerSettings {
    let Entry {
        name,
        kind,
        url,
        needs_key,
        needs_ca,
        models,
    } = entry;
    let model = |purpose: ServedUse| {
        let mut models = models.iter();
        let found = models.find(|model| model.purpose == purpose);
        found.map(|model| model.name.clone())
    };
    let key = reader.named(&keys::model_server_key(&name));
    ModelServerSettings {
        kind,
        url: url.trim_end_matches('/').to_owned(),
        key: key.filter(|_| needs_key).map(Secret::new),
        needs_key,
        ca: reader
            .named(&keys::model_server_ca(&name))
            .filter(|_| needs_ca),
        needs_ca,
        chat_model: model(ServedUse::Chat),
        embedding_model: model(ServedUse::Embeddings),
        name,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const LISTED: &str = r#"[
        {"name": "vllm-1", "kind": "openai", "url": "http://vllm.models.svc:8000/v1/",
         "needsKey": true, "needsCa": false,
         "models": [{"name": "qwen", "use": "chat"},
                    {"name": "all-minilm", "use": "embeddings"}]},
        {"name": "gpu", "kind": "ollama", "url": "http://gpu", "models": [
            {"name": "llama3.2:3b", "use": "chat"}]}]"#;

    fn reader(values: &[(&str, &str)]) -> Reader {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Reader::from_map(values.iter().map(owned).collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn the_operators_list_is_read_with_its_secrets() {
        let key = "MODEL_SERVER_KEY_VLLM_1";
        let mut reader = reader(&[(keys::MODEL_SERVERS, LISTED), (key, "sk-1234\n")]);
        let servers = read(&mut reader, "all-minilm:latest");
        assert_eq!(reader.finish(()), Ok(()));
        assert_eq!(servers.len(), 2);
        let [vllm, gpu] = &servers[..] else {
            panic!("{servers:?}")
        };
        assert_eq!(vllm.url, "http://vllm.models.svc:8000/v1");
        let shown = vllm.key.as_ref().map(|key| key.expose().as_str());
        assert_eq!(shown, Some("sk-1234"), "without the end of the line");
        assert_eq!(vllm.embedding_model.as_deref(), Some("all-minilm"));
        assert_eq!((gpu.kind, gpu.needs_key), (ServerKind::Ollama, false));
        assert_eq!(gpu.embedding_model, None);
        assert!(!format!("{servers:?}").contains("sk-1234"));
    }

    #[test]
    fn a_missing_secret_is_no_problem_of_the_service() {
        let mut reader = reader(&[(keys::MODEL_SERVERS, LISTED)]);
        let servers = read(&mut reader, "all-minilm");
        assert_eq!(reader.finish(()), Ok(()));
        assert!(servers[0].needs_key && servers[0].key.is_none());
    }

    #[test]
    fn another_embedding_model_and_a_malformed_list_are_problems() {
        let mut other = reader(&[(keys::MODEL_SERVERS, LISTED)]);
        read(&mut other, "nomic-embed-text");
        let said = other.finish(()).unwrap_err().to_string();
        assert!(said.contains("vllm-1") && said.contains("nomic"), "{said}");
        let mut malformed = reader(&[(keys::MODEL_SERVERS, "{")]);
        assert!(read(&mut malformed, "x").is_empty());
        assert!(malformed.finish(()).is_err());
        assert!(read(&mut reader(&[]), "x").is_empty());
    }
}
