//! Environment variables of the backup program, which the operator writes.

/// Where backups are: `file:///FOLDER` or `s3://BUCKET/PREFIX`.
pub const BACKUP_TARGET: &str = "BACKUP_TARGET";
/// URL of the S3-compatible storage.
pub const BACKUP_S3_ENDPOINT: &str = "BACKUP_S3_ENDPOINT";
/// Region that requests to the storage are signed for.
pub const BACKUP_S3_REGION: &str = "BACKUP_S3_REGION";
/// File with the certificates of the authority that the storage's certificate is verified with,
/// PEM; without one, those of the web.
pub const BACKUP_S3_CA_FILE: &str = "BACKUP_S3_CA_FILE";
/// Name of the key that requests to the storage are signed with. Secret.
pub const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// The key itself. Secret.
pub const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";

/// Public age keys that backups are sealed for, separated by commas.
pub const BACKUP_RECIPIENTS: &str = "BACKUP_RECIPIENTS";
/// File with the private age key that opens a backup.
pub const BACKUP_IDENTITY_FILE: &str = "BACKUP_IDENTITY_FILE";
/// Name of the platform: backups of one are in a folder of that name. To restore, the name of the
/// platform that made the backup.
pub const BACKUP_PLATFORM: &str = "BACKUP_PLATFORM";
/// Version of the platform that a backup is made of.
pub const BACKUP_VERSION: &str = "BACKUP_VERSION";
/// Newest complete backups that are kept.
pub const BACKUP_RETAIN: &str = "BACKUP_RETAIN";
/// `latest`, or the name of a backup.
pub const BACKUP_SELECT: &str = "BACKUP_SELECT";
/// Folder that the containers of one backup share; default `/work`.
pub const BACKUP_WORK_DIR: &str = "BACKUP_WORK_DIR";
/// Folder of uploaded files; empty when there is none.
pub const BACKUP_FILES_DIR: &str = "BACKUP_FILES_DIR";
