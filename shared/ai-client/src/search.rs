//! Search in a tenant's knowledge.

use serde::{Deserialize, Serialize};
use shared_models::text::MultiLine;
use shared_models::{Bounded, CollectionId};
use utoipa::ToSchema;

use crate::answer::Source;

/// A hybrid search: vectors and keywords.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// The query, 1 to 1000 characters.
    pub query: MultiLine<1000>,
    /// Maximum number of results, 1 to 20; 5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 20)]
    pub limit: Option<Bounded<1, 20>>,
    /// Only documents of these collections are searched; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub collections: Vec<CollectionId>,
}

/// The results, best first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchResults {
    /// The passages, most relevant first.
    pub results: Vec<Source>,
    /// Duration of the search in milliseconds.
    pub processing_time_ms: u64,
    /// Why the search may have missed something; empty when it is complete.
    #[serde(default)]
    pub degraded: Vec<Degraded>,
}

/// What a search could not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Degraded {
    /// The embedding model or the vector store is unavailable: passages were found by words only.
    NoVectors,
    /// What the embedding model's similarities mean is not known, or not yet: passages that only
    /// their meaning relates to the query are left out.
    NotCalibrated,
    /// Some documents of an earlier release are not indexed by words yet.
    WordsIncomplete,
    /// The embedding model of the platform has changed. Until the knowledge is embedded again, the
    /// search goes by the vectors of the model before, if that still answers, and documents that
    /// are newer than the change are found by words only.
    Reembedding,
    /// A reason that this version does not know.
    #[serde(other)]
    Unknown,
}
