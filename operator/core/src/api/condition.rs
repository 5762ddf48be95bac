//! A condition of a status, as kstatus and `kubectl wait` read it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Status of a condition.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// The condition holds.
    True,
    /// The condition does not hold.
    False,
    /// It is not known whether the condition holds.
    Unknown,
}

/// One aspect of the current state.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Type of the condition, such as `Ready`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    pub kind: String,
    /// Whether the condition holds.
    pub status: ConditionStatus,
    /// Machine-readable reason, in one word; `docs/runbook.md` explains each of them.
    #[schemars(length(min = 1, max = 64))]
    pub reason: String,
    /// Human-readable message: what happened, what the operator does next, and what you can do.
    #[schemars(length(max = 2048))]
    pub message: String,
    /// Generation of the spec that the condition was computed from.
    #[schemars(range(min = 0))]
    pub observed_generation: i64,
    /// When the status of the condition last changed.
    #[schemars(with = "String", extend("format" = "date-time"), length(max = 40))]
    pub last_transition_time: Timestamp,
}
