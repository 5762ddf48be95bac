//! Why a backup was not made, found sound or restored. Each failure has a code, which the operator
//! turns into a reason of a condition.

use std::io;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The environment lacks a setting, or has a wrong one.
    SettingsInvalid,
    /// The init container has left no dump, or one that cannot be read.
    DumpInvalid,
    /// There is no backup, or none of that name.
    BackupMissing,
    /// The backup was interrupted, and is not complete.
    BackupIncomplete,
    /// A part is shorter than it was when it was stored.
    BackupTruncated,
    /// Something was changed since, or belongs to another backup.
    BackupAltered,
    /// Not a backup of this product, or sealed for another key.
    BackupForeign,
    /// A newer release has made it.
    BackupNewer,
    /// Another backup is being written to this volume.
    BackupRunning,
    /// The place of the backups cannot be read or written.
    TargetUnavailable,
    /// The place of the backups has no space left.
    TargetFull,
    /// The volume of the pod has no space left, or cannot be read or written.
    WorkUnavailable,
    /// The database cannot be reached or has refused a statement.
    DatabaseFailed,
    /// The database to restore into holds something else.
    DatabaseNotEmpty,
    /// A table has other rows than when the backup was made.
    RowCountsDiffer,
    /// An encrypted value of the database cannot be opened with the keys of the backup.
    SealedValueUnreadable,
    /// The database has an encrypted column that this release does not know.
    SealedColumnUnknown,
    /// A file is not what its name says, or there are fewer than there were.
    FilesDiffer,
    /// A defect of this program.
    Internal,
}

impl Code {
    /// As it is reported.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SettingsInvalid => "settings_invalid",
            Self::DumpInvalid => "dump_invalid",
            Self::BackupMissing => "backup_missing",
            Self::BackupIncomplete => "backup_incomplete",
            Self::BackupTruncated => "backup_truncated",
            Self::BackupAltered => "backup_altered",
            Self::BackupForeign => "backup_foreign",
            Self::BackupNewer => "backup_newer",
            Self::BackupRunning => "backup_running",
            Self::TargetUnavailable => "target_unavailable",
            Self::TargetFull => "target_full",
            Self::WorkUnavailable => "work_unavailable",
            Self::DatabaseFailed => "database_failed",
            Self::DatabaseNotEmpty => "database_not_empty",
            Self::RowCountsDiffer => "row_counts_differ",
            Self::SealedValueUnreadable => "sealed_value_unreadable",
            Self::SealedColumnUnknown => "sealed_column_unknown",
            Self::FilesDiffer => "files_differ",
            Self::Internal => "internal",
        }
    }
}

/// A failure, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Failure {
    /// What kind it is.
    pub code: Code,
    /// What happened, for a person.
    pub detail: String,
}

impl Failure {
    /// A failure of that kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { code, detail }
    }

    /// A file of the pod's own volumes cannot be read or written.
    pub fn of_work(what: &str, error: &io::Error) -> Self {
        Self::new(Code::WorkUnavailable, format!("{what}: {error}"))
    }

    /// A file or object of the target cannot be read or written.
    pub fn of_target(what: &str, error: &io::Error) -> Self {
        let code = if is_full(error) {
            Code::TargetFull
        } else {
            Code::TargetUnavailable
        };
        Self::new(code, format!("{what}: {error}"))
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::new(Code::DatabaseFailed, error.to_string())
    }
}

/// Whether there is no space left, or no more may be used.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
