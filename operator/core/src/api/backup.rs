//! Backups of the whole platform, the platform that one is restored into, and what deletion does.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{self, Span};
use super::pods::JobSettings;
use super::storage::Storage;
use super::workload::{KeyRef, NameRef};

/// Shape of a public age key of kind X25519.
const RECIPIENT: &str = "^age1[ac-hj-np-z02-9]{58}$";
/// Shape of the name of a bucket.
const BUCKET: &str = "^[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]$";
/// Shape of a folder in a bucket.
const PREFIX: &str = "^[-._a-zA-Z0-9]+(/[-._a-zA-Z0-9]+)*$";

/// Backups of the whole platform: database, uploaded files and the keys that stored data is
/// encrypted with, sealed for keys of yours.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlatformBackup {
    /// Cron schedule in UTC: five fields, or a macro such as `@daily`. Without one, a backup is
    /// made when the annotation `creatorplatform.io/backup` of the platform changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), regex(pattern = bounds::SCHEDULE))]
    pub schedule: Option<String>,
    /// Number of complete backups that are kept.
    #[serde(default = "seven")]
    #[schemars(range(min = 1, max = 365))]
    pub retain: i32,
    /// Public age keys (X25519). Who has the private key of one of them can open a backup; the
    /// platform itself cannot.
    #[schemars(
        length(min = 1, max = 8),
        inner(length(min = 62, max = 62), regex(pattern = RECIPIENT))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub recipients: Vec<String>,
    /// Where backups are stored.
    pub target: BackupTarget,
    /// A regular check that the newest backup can be restored; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<VerifyBackups>,
    /// Greatest age of the newest backup; the condition `BackupCurrent` is False beyond it. `0s`
    /// means that the age does not matter.
    #[serde(default = "day_and_a_half")]
    pub max_age: Span,
    /// Settings of the pods that make and check backups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobSettings>,
}

/// Where backups are stored.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.volume) != has(self.s3)")
    .message("backups need exactly one target: volume or s3"))]
pub struct BackupTarget {
    /// A volume of its own, the claim `<platform>-backups`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<BackupVolume>,
    /// A bucket of S3-compatible storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
}

/// The volume of the backups. It stays when the platform is deleted, whatever `deletionPolicy` is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackupVolume {
    /// Size and storage class.
    #[serde(default = "backup_storage")]
    pub storage: Storage,
}

/// A bucket of S3-compatible storage.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct S3 {
    /// URL of the storage, such as `https://s3.eu-central-1.amazonaws.com`.
    #[schemars(length(min = 1, max = 300), regex(pattern = bounds::BASE_URL))]
    pub endpoint: String,
    /// Region that requests are signed for.
    #[serde(default = "region")]
    #[schemars(length(min = 1, max = 63), regex(pattern = bounds::LABEL))]
    pub region: String,
    /// Name of the bucket, which must exist.
    #[schemars(length(min = 3, max = 63), regex(pattern = BUCKET))]
    pub bucket: String,
    /// Folder in the bucket. Below it, each platform has a folder of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = PREFIX))]
    pub prefix: Option<String>,
    /// Secret with the keys `accessKeyId` and `secretAccessKey`.
    pub credentials_secret_ref: NameRef,
    /// Secret key with the certificates of an authority, in PEM format, that is trusted beside
    /// those of the web.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<KeyRef>,
}

/// A regular restore of the newest backup into a database that is thrown away.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct VerifyBackups {
    /// Cron schedule in UTC: five fields, or a macro such as `@weekly`.
    #[serde(default = "on_sundays")]
    #[schemars(length(min = 1, max = 100), regex(pattern = bounds::SCHEDULE))]
    pub schedule: String,
    /// Secret key with a private age key of its own: list its public key in `recipients`, too.
    pub identity_secret_ref: KeyRef,
}

/// A backup that a new platform begins with.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.volumeClaim) != has(self.s3)")
    .message("a backup is restored from exactly one place: volumeClaim or s3"))]
pub struct RestoreFrom {
    /// Name of the backup, or `latest`.
    #[serde(default = "latest")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^(latest|[0-9]{8}T[0-9]{6}Z)$")
    )]
    pub backup: String,
    /// Name of the platform that made the backup. Defaults to the name of this platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40), regex(pattern = bounds::LABEL))]
    pub platform: Option<String>,
    /// Name of a volume claim with backups, in the platform's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = bounds::OBJECT_NAME))]
    pub volume_claim: Option<String>,
    /// A bucket of S3-compatible storage with backups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
    /// Secret key with the private age key that opens the backup. The Secret can be deleted when
    /// the condition `Restored` is True.
    pub identity_secret_ref: KeyRef,
    /// Settings of the pod that restores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobSettings>,
}

/// What happens to volumes and generated Secrets when the platform is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DataPolicy {
    /// They stay, and a platform of the same name takes them over.
    #[default]
    Retain,
    /// They are deleted with the platform, once the annotation
    /// `creatorplatform.io/confirm-deletion` has the name of the platform.
    Delete,
}

fn on_sundays() -> String {
    "0 5 * * 0".to_owned()
}

fn latest() -> String {
    "latest".to_owned()
}

fn region() -> String {
    "us-east-1".to_owned()
}

fn backup_storage() -> Storage {
    Storage::of("20Gi")
}

fn day_and_a_half() -> Span {
    Span::from("36h")
}

const fn seven() -> i32 {
    7
}
