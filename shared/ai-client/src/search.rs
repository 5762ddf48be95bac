//! Search in a tenant's knowledge.

use serde::{Deserialize, Serialize};
use shared_models::text::MultiLine;
use utoipa::ToSchema;

use crate::answer::Source;

/// A hybrid search: vectors and keywords.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// The query, 1 to 1000 characters.
    pub query: MultiLine<1000>,
    /// Results, 1 to 20; 5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 20)]
    pub limit: Option<u8>,
}

/// The results, best first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchResults {
    /// The passages.
    pub results: Vec<Source>,
    /// Time from request to answer, milliseconds.
    pub processing_time_ms: u64,
}
