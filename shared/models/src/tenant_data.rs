//! A tenant's exported records, and the counts of an export or an erasure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind of an export's last record; an export without it is incomplete.
pub const END: &str = "end";

/// One record of an export: a line of newline-delimited JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExportRecord {
    /// A table such as `hub.documents`, or `hub.files`, or [`END`].
    pub kind: String,
    /// The row; in the last record, the number of records per kind.
    pub data: Value,
}

/// Counts per kind: rows of a table, files, vectors, keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowCounts(BTreeMap<String, u64>);

impl RowCounts {
    /// Adds to a kind; adding zero makes the kind appear.
    pub fn count(&mut self, kind: &str, more: u64) {
        *self.0.entry(kind.to_owned()).or_default() += more;
    }

    /// Adds all counts of another.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            self.count(kind, *count);
        }
    }

    /// The count of a kind.
    pub fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or_default()
    }

    /// The kinds and their counts.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(kind, count)| (kind.as_str(), *count))
    }
}

#[cfg(test)]
mod tests;
