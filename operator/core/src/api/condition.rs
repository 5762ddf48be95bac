//! One condition of a status, as kstatus and `kubectl wait` read it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a condition holds.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It could not be found out.
    Unknown,
}

/// One aspect of the present state.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word; the runbook has an entry for each.
    #[schemars(length(min = 1, max = 64))]
    pub reason: String,
    /// What happened, what the operator does next, and what a person can do.
    #[schemars(length(max = 2048))]
    pub message: String,
    /// Generation of the spec that this is about.
    #[schemars(range(min = 0))]
    pub observed_generation: i64,
    /// When `status` last changed.
    #[schemars(with = "String", extend("format" = "date-time"), length(max = 40))]
    pub last_transition_time: Timestamp,
}
