//! What a backup consists of: names, the manifest, and how a manifest is judged.
//!
//! `<platform>/<backup>/` has the parts, each sealed for the user's keys, and `manifest.json`,
//! which is written last and is readable without a key: a backup without it is not complete. The
//! part `keys` has the same manifest inside, so that a manifest that was changed is noticed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Failure};

/// Distinguishes our manifests from other files of that name.
pub const PRODUCT: &str = "creator-platform-backup";
/// The version of the format. A reader refuses later ones.
pub const FORMAT: u32 = 1;
/// The file that makes a backup complete.
pub const MANIFEST: &str = "manifest.json";
/// No manifest is longer: it has a few dozen lines.
pub const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;
/// Length of `20261130T030000Z`.
const NAME_LENGTH: usize = 16;

/// The name of a backup: the second in which it was begun. Names sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupName(String);

impl BackupName {
    /// The name of a backup that begins at that time.
    pub fn at(time: Timestamp) -> Self {
        Self(time.strftime("%Y%m%dT%H%M%SZ").to_string())
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not the name of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a backup, such as 20261130T030000Z")]
pub struct NotAName;

impl FromStr for BackupName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shaped = text.len() == NAME_LENGTH
            && text.char_indices().all(|(at, letter)| match at {
                8 => letter == 'T',
                15 => letter == 'Z',
                _ => letter.is_ascii_digit(),
            });
        shaped.then(|| Self(text.to_owned())).ok_or(NotAName)
    }
}

impl TryFrom<String> for BackupName {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BackupName> for String {
    fn from(name: BackupName) -> Self {
        name.0
    }
}

/// Which backup is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The newest complete one.
    Latest,
    /// This one.
    Named(BackupName),
}

impl FromStr for Selection {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "latest" => Ok(Self::Latest),
            name => name.parse().map(Self::Named),
        }
    }
}

/// A part of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartName {
    /// The dump of the database.
    Database,
    /// Row counts and checksums of each table and tenant.
    Rows,
    /// The uploaded files.
    Files,
    /// The manifest again, and the keys of what is encrypted in the database.
    Keys,
}

impl PartName {
    /// Its file in the folder of the backup.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Database => "database.age",
            Self::Rows => "rows.age",
            Self::Files => "files.age",
            Self::Keys => "keys.age",
        }
    }
}

/// A stored part, as it is: sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`PRODUCT`].
    pub product: String,
    /// [`FORMAT`].
    pub format: u32,
    /// The platform.
    pub platform: String,
    /// The backup.
    pub backup: BackupName,
    /// When it was made.
    pub time: Timestamp,
    /// The version of the platform.
    pub version: String,
    /// The newest migration of its database.
    pub migration: i64,
    /// Roles that the dump names.
    pub roles: Vec<String>,
    /// Accounts.
    pub tenants: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Rows of each table that has any.
    pub tables: BTreeMap<String, u64>,
    /// Uploaded files.
    pub files: u64,
    /// Files that a row names and that were not there.
    pub files_missing: u64,
    /// The parts but `keys`, which contains this manifest.
    pub parts: BTreeMap<PartName, Part>,
}

impl Manifest {
    /// Bytes of all parts that it names.
    pub fn size(&self) -> u64 {
        self.parts.values().map(|part| part.size).sum()
    }
}

/// The content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The manifest.
    pub manifest: Manifest,
    /// The part with its copy.
    pub keys: Part,
}

impl Published {
    /// Bytes of all parts.
    pub fn size(&self) -> u64 {
        self.manifest.size() + self.keys.size
    }

    /// The part of that name.
    pub fn part(&self, name: PartName) -> Option<&Part> {
        match name {
            PartName::Keys => Some(&self.keys),
            _ => self.manifest.parts.get(&name),
        }
    }
}

/// The content of the part `keys`.
#[derive(Serialize, Deserialize)]
pub struct SealedKeys {
    /// The same manifest.
    pub manifest: Manifest,
    /// Keys by the names of their environment variables.
    pub keys: BTreeMap<String, String>,
}

/// The fields by which a file is recognised before the rest of it is understood.
#[derive(Deserialize)]
struct Kind {
    manifest: KindOfManifest,
}

#[derive(Deserialize)]
struct KindOfManifest {
    product: String,
    format: u32,
}

/// Reads a manifest of that backup.
pub fn parse(name: &BackupName, bytes: &[u8]) -> Result<Published, Failure> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| {
        let code = if error.is_eof() {
            Code::BackupTruncated
        } else {
            Code::BackupAltered
        };
        Failure::new(
            code,
            format!("{name}: its manifest cannot be read: {error}"),
        )
    })?;
    let foreign = || {
        let detail = format!("{name}: its manifest is not one of a backup of this platform");
        Failure::new(Code::BackupForeign, detail)
    };
    let kind: Kind = serde_json::from_value(value.clone()).map_err(|_| foreign())?;
    if kind.manifest.product != PRODUCT {
        return Err(foreign());
    }
    if kind.manifest.format > FORMAT {
        let detail = format!(
            "{name}: it has format {}, and this version reads formats up to {FORMAT}. Set \
             spec.version to the version that made the backup, or a later one",
            kind.manifest.format
        );
        return Err(Failure::new(Code::BackupNewer, detail));
    }
    let published: Published = serde_json::from_value(value).map_err(|error| {
        let detail = format!("{name}: its manifest has been changed: {error}");
        Failure::new(Code::BackupAltered, detail)
    })?;
    if published.manifest.backup == *name {
        Ok(published)
    } else {
        let other = &published.manifest.backup;
        let detail = format!("{name}: its manifest is that of {other}");
        Err(Failure::new(Code::BackupAltered, detail))
    }
}

/// Refuses a backup whose database this version cannot migrate. `newest` is its own migration.
pub fn check_version(manifest: &Manifest, newest: i64) -> Result<(), Failure> {
    if manifest.migration <= newest {
        return Ok(());
    }
    let Manifest {
        backup,
        version,
        migration,
        ..
    } = manifest;
    let detail = format!(
        "{backup}: version {version} made it with migration {migration}, and this version ends at \
         migration {newest}. Set spec.version to {version} or a later version"
    );
    Err(Failure::new(Code::BackupNewer, detail))
}

#[cfg(test)]
mod tests;
