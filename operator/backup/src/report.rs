//! What a command reports: a line of JSON in the log, and in the file that Kubernetes copies into
//! the status of the pod.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::format::{BackupName, Published};

/// Most backups that a report lists: Kubernetes takes 4096 bytes.
pub const MAX_LISTED: usize = 20;
/// Longest detail of a failure, in characters.
const MAX_DETAIL: usize = 1500;

/// A backup that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Its name.
    pub name: BackupName,
    /// When it was made.
    pub time: Timestamp,
    /// Bytes of all its parts.
    pub size_bytes: u64,
    /// The version of the platform.
    pub version: String,
}

impl From<&Published> for Kept {
    fn from(published: &Published) -> Self {
        Self {
            name: published.manifest.backup.clone(),
            time: published.manifest.time,
            size_bytes: published.size(),
            version: published.manifest.version.clone(),
        }
    }
}

/// A backup was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// Its name.
    pub backup: BackupName,
    /// When it was made.
    pub time: Timestamp,
    /// Bytes of all its parts.
    pub size_bytes: u64,
    /// The version of the platform.
    pub version: String,
    /// Accounts.
    pub tenants: u64,
    /// Rows.
    pub rows: u64,
    /// Uploaded files.
    pub files: u64,
    /// Files that a row names and that were not there.
    pub files_missing: u64,
    /// What is in the target now, newest first.
    pub kept: Vec<Kept>,
}

/// A backup was loaded, compared and opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Its name.
    pub backup: BackupName,
    /// When.
    pub verified: Timestamp,
    /// Accounts.
    pub tenants: u64,
    /// Rows that are as they were.
    pub rows: u64,
    /// Files that are what their names say.
    pub files: u64,
    /// Encrypted values that were opened.
    pub sealed_values: u64,
}

/// A backup was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// Its name.
    pub backup: BackupName,
    /// When.
    pub restored: Timestamp,
    /// Accounts.
    pub tenants: u64,
    /// Rows that are as they were.
    pub rows: u64,
    /// Uploaded files.
    pub files: u64,
    /// Encrypted values that were encrypted again with the key of this platform.
    pub sealed_values: u64,
    /// Encrypted values that the keys of the backup do not open. They stay as they are.
    pub unreadable_values: u64,
}

/// Something failed.
#[derive(Debug, Serialize)]
struct Failed<'a> {
    code: &'static str,
    detail: &'a str,
}

/// The report of a failure.
pub fn of_failure(failure: &Failure) -> String {
    let detail: String = failure.detail.chars().take(MAX_DETAIL).collect();
    let code = failure.code.as_str();
    text(&Failed {
        code,
        detail: &detail,
    })
}

/// A report as text.
pub fn text(report: &impl Serialize) -> String {
    serde_json::to_string(report).unwrap_or_default()
}

/// Leaves a report where Kubernetes reads it.
pub fn leave(path: &Path, report: &str) {
    if let Err(error) = std::fs::write(path, report) {
        let path = path.display();
        tracing::debug!(%error, %path, "cannot write the termination message");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn reports_fit_into_the_status_of_a_pod() {
        let time: Timestamp = "2026-11-30T03:00:00.123456789Z".parse().unwrap();
        let kept = Kept {
            name: BackupName::at(time),
            time,
            size_bytes: u64::MAX,
            version: "100.100.100-rc.100+20261130".to_owned(),
        };
        let created = Created {
            backup: kept.name.clone(),
            time,
            size_bytes: u64::MAX,
            version: kept.version.clone(),
            tenants: u64::MAX,
            rows: u64::MAX,
            files: u64::MAX,
            files_missing: u64::MAX,
            kept: vec![kept; MAX_LISTED],
        };
        assert!(text(&created).len() <= 4096, "{}", text(&created).len());
        let failure = Failure::new(Code::Internal, "\"".repeat(10_000));
        assert!(of_failure(&failure).len() <= 4096);
    }
}
