//! The kinds of jobs of this service.

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// Makes a document searchable.
    Ingest,
    /// Removes a document from everywhere.
    Erase,
}

impl JobKind {
    /// The word in the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest_document",
            Self::Erase => "erase_document",
        }
    }

    /// The kind of that word.
    pub(crate) fn from_name(word: &str) -> Option<Self> {
        [Self::Ingest, Self::Erase]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}
