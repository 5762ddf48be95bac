//! The traits of each embedding model: prefixes and context window. What its similarities mean is
//! measured, see `calibration`.

use unicode_normalization::UnicodeNormalization as _;

use crate::domain::models::recorded_name;

/// An embedding model with its traits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EmbeddingModel {
    /// The name in Ollama.
    pub(crate) name: String,
    /// The name under which it is recorded what it has made.
    pub(crate) recorded_name: String,
    traits: Traits,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Traits {
    document_prefix: &'static str,
    query_prefix: &'static str,
    window: usize,
    /// Whether texts are brought to the form that the model was trained on: NFKC, single spaces.
    normalises: bool,
}

/// For models that are not listed: no prefix and a small window.
const UNKNOWN: Traits = Traits {
    document_prefix: "",
    query_prefix: "",
    window: 256,
    normalises: false,
};

/// Traits by model family, the name before the tag.
const FAMILIES: [(&str, Traits); 4] = [
    ("all-minilm", UNKNOWN),
    (
        "multilingual-e5-small",
        Traits {
            document_prefix: "passage: ",
            query_prefix: "query: ",
            window: 512,
            normalises: true,
        },
    ),
    (
        "nomic-embed-text",
        Traits {
            document_prefix: "search_document: ",
            query_prefix: "search_query: ",
            window: 2048,
            normalises: false,
        },
    ),
    (
        "mxbai-embed-large",
        Traits {
            document_prefix: "",
            query_prefix: "Represent this sentence for searching relevant passages: ",
            window: 512,
            normalises: false,
        },
    ),
];

impl EmbeddingModel {
    /// Looks up the traits by the family, whatever the namespace and tag.
    pub(crate) fn named(name: &str) -> Self {
        let family = name.rsplit('/').next().unwrap_or(name);
        let family = family.split(':').next().unwrap_or(family);
        let known = FAMILIES.iter().find(|(known, _)| *known == family);
        Self {
            name: name.to_owned(),
            recorded_name: recorded_name(name),
            traits: known.map_or(UNKNOWN, |(_, traits)| *traits),
        }
    }

    /// The input for a passage, with the prefix that the model was trained with.
    pub(crate) fn passage_input(&self, text: &str) -> String {
        self.input(self.traits.document_prefix, text)
    }

    /// The input for a question, with the prefix that the model was trained with.
    pub(crate) fn query_input(&self, text: &str) -> String {
        self.input(self.traits.query_prefix, text)
    }

    fn input(&self, prefix: &str, text: &str) -> String {
        if !self.traits.normalises {
            return format!("{prefix}{text}");
        }
        let composed: String = text.nfkc().collect();
        let words: Vec<&str> = composed.split_whitespace().collect();
        format!("{prefix}{}", words.join(" "))
    }

    /// The size of the context window in tokens.
    pub(crate) const fn window(&self) -> usize {
        self.traits.window
    }
}

#[cfg(test)]
mod tests {
    use super::EmbeddingModel;

    #[test]
    fn a_model_is_recognised_by_its_family_whatever_its_tag_or_namespace() {
        for name in [
            "nomic-embed-text",
            "nomic-embed-text:v1.5",
            "library/nomic-embed-text:latest",
        ] {
            let model = EmbeddingModel::named(name);
            assert_eq!(model.query_input("x"), "search_query: x");
            assert_eq!(model.passage_input("x"), "search_document: x");
        }
        assert_eq!(EmbeddingModel::named("all-minilm").query_input("x"), "x");
        assert_eq!(EmbeddingModel::named("never-heard-of").window(), 256);
    }

    #[test]
    fn a_text_is_normalised_for_a_model_that_was_trained_so() {
        let model = EmbeddingModel::named("multilingual-e5-small");
        assert_eq!(
            model.query_input("\u{fb01}ne \n  caf\u{65}\u{301}"),
            "query: fine café"
        );
        let other = EmbeddingModel::named("all-minilm");
        assert_eq!(other.query_input("\u{fb01}ne"), "\u{fb01}ne");
    }
}
