//! What the platform uses a model for, and when two names denote the same model.

use serde::{Deserialize, Serialize};

/// What a model is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelUse {
    /// Writes answers.
    Chat,
    /// Makes vectors of texts.
    Embedding,
}

/// The name under which it is recorded what a model has made.
pub(crate) fn recorded_name(name: &str) -> String {
    name.strip_suffix(":latest").unwrap_or(name).to_lowercase()
}

/// `name` and `name:latest` are the same model.
pub(crate) fn is_same_model(one: &str, other: &str) -> bool {
    recorded_name(one) == recorded_name(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_tag_means_the_tag_latest() {
        assert!(is_same_model("all-minilm:latest", "all-minilm"));
        assert!(!is_same_model("llama3.2:1b", "llama3.2"));
    }
}
