//! What a tenant has somewhere: the lines of its copy, and how much of it was erased.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind of the last line of a copy: without it the copy broke off.
pub const END: &str = "end";

/// One line of a copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExportRecord {
    /// What it is: a table such as `hub.documents`, `hub.files`, or [`END`].
    pub kind: String,
    /// The row; at the end, how many lines there were of each kind.
    pub data: Value,
}

/// How many there were of each kind: rows of a table, files, vectors, keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowCounts(BTreeMap<String, u64>);

impl RowCounts {
    /// Counts some more of a kind; none of it is worth a line, too.
    pub fn count(&mut self, kind: &str, more: u64) {
        *self.0.entry(kind.to_owned()).or_default() += more;
    }

    /// Counts everything of another tally.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            self.count(kind, *count);
        }
    }

    /// How many of a kind.
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
