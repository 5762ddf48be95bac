//! What is known of each embedding model: prefixes, window, and where similarity begins to mean.

/// An embedding model and how to use it.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingModel {
    /// Its Ollama name.
    pub name: String,
    traits: Traits,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Traits {
    document_prefix: &'static str,
    query_prefix: &'static str,
    window: usize,
    threshold: f32,
}

/// A model that is not in the table: no prefix, a small window, the threshold of the smallest.
const UNKNOWN: Traits = Traits {
    document_prefix: "",
    query_prefix: "",
    window: 256,
    threshold: 0.36,
};

/// Families by the name before the tag. The threshold of all-minilm is measured on the handbook of
/// the tests (right paragraphs 0.40 and above, unrelated questions 0.33 and below); the others are
/// starting points, to be measured before a platform relies on them.
const FAMILIES: [(&str, Traits); 3] = [
    ("all-minilm", UNKNOWN),
    (
        "nomic-embed-text",
        Traits {
            document_prefix: "search_document: ",
            query_prefix: "search_query: ",
            window: 2048,
            threshold: 0.52,
        },
    ),
    (
        "mxbai-embed-large",
        Traits {
            document_prefix: "",
            query_prefix: "Represent this sentence for searching relevant passages: ",
            window: 512,
            threshold: 0.50,
        },
    ),
];

impl EmbeddingModel {
    /// The model of that name.
    pub fn named(name: &str) -> Self {
        let family = name.rsplit('/').next().unwrap_or(name);
        let family = family.split(':').next().unwrap_or(family);
        let known = FAMILIES.iter().find(|(known, _)| *known == family);
        Self {
            name: name.to_owned(),
            traits: known.map_or(UNKNOWN, |(_, traits)| *traits),
        }
    }

    /// A passage as the model wants to read it.
    pub fn document(&self, text: &str) -> String {
        format!("{}{text}", self.traits.document_prefix)
    }

    /// A question as the model wants to read it.
    pub fn query(&self, text: &str) -> String {
        format!("{}{text}", self.traits.query_prefix)
    }

    /// Tokens that it reads.
    pub const fn window(&self) -> usize {
        self.traits.window
    }

    /// Cosine similarity below which a passage has nothing to do with the question.
    pub const fn threshold(&self) -> f32 {
        self.traits.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::EmbeddingModel;

    #[test]
    fn a_model_is_known_by_its_family_whatever_its_tag_or_namespace() {
        for name in [
            "nomic-embed-text",
            "nomic-embed-text:v1.5",
            "library/nomic-embed-text:latest",
        ] {
            let model = EmbeddingModel::named(name);
            assert_eq!(model.query("x"), "search_query: x");
            assert_eq!(model.document("x"), "search_document: x");
        }
        assert_eq!(EmbeddingModel::named("all-minilm").query("x"), "x");
        assert_eq!(EmbeddingModel::named("never-heard-of").window(), 256);
    }
}
