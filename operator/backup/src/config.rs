//! Settings of each command, from the environment.

use std::path::PathBuf;

use age::x25519::{Identity, Recipient};
use shared_config::{Problems, Reader, Secret, backup, keys};
use shared_crypto::DataKeys;
use shared_db::DatabaseSettings;
use url::Url;

use crate::format::Selection;
use crate::seal;
use crate::target::{S3, S3Settings, Target, Volume};

/// The folder that the containers of one backup share.
const DEFAULT_WORK_DIR: &str = "/work";
/// Backups that are kept where nothing else is said.
const DEFAULT_RETAIN: usize = 7;
/// Most that can be kept.
const MAX_RETAIN: usize = 1000;
/// The variables whose values are sealed into a backup, where they are set. What they encrypt or
/// sign is in the database or in the hands of people.
const KEPT_KEYS: [&str; 4] = [
    keys::DATA_KEY,
    keys::DATA_KEY_PREVIOUS,
    keys::SIGNING_SEED,
    keys::WIDGET_TOKEN_KEY,
];

/// Where the backups of a platform are.
#[derive(Debug)]
pub struct Place {
    /// The volume or the bucket.
    pub target: Target,
    /// The platform that makes or has made the backups.
    pub platform: String,
}

/// Settings of `create`.
pub struct CreateSettings {
    /// Where the backup goes.
    pub place: Place,
    /// The public keys that it is sealed for.
    pub recipients: Vec<Recipient>,
    /// Complete backups that are kept.
    pub retain: usize,
    /// The version of the platform.
    pub version: String,
    /// Where the dump is.
    pub work: PathBuf,
    /// Where the uploaded files are, if they are in a folder.
    pub files: Option<PathBuf>,
    /// Keys by their names.
    pub keys: Vec<(&'static str, Secret<String>)>,
}

/// What is needed to read a backup.
pub struct OpenSettings {
    /// Where it is.
    pub place: Place,
    /// Which one.
    pub selection: Selection,
    /// What opens it.
    pub identities: Vec<Identity>,
    /// Where the containers put what they give each other.
    pub work: PathBuf,
}

/// Settings of `restore`.
pub struct RestoreSettings {
    /// The backup.
    pub open: OpenSettings,
    /// The database, as its administrator sees it.
    pub admin: DatabaseSettings,
    /// The keys of the new platform.
    pub data_keys: DataKeys,
    /// Where the uploaded files go.
    pub files: Option<PathBuf>,
}

impl CreateSettings {
    /// Reads the settings.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let settings = Self {
            place: place(&mut reader),
            recipients: recipients(&mut reader),
            retain: reader.bounded(backup::BACKUP_RETAIN, DEFAULT_RETAIN, 1, MAX_RETAIN),
            version: reader.required(backup::BACKUP_VERSION),
            work: work(&reader),
            files: files(&reader),
            keys: kept_keys(&mut reader),
        };
        reader.finish(settings)
    }
}

impl OpenSettings {
    /// Reads the settings.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    fn read(reader: &mut Reader) -> Self {
        Self {
            place: place(reader),
            selection: reader.parsed(backup::BACKUP_SELECT, Selection::Latest),
            identities: identities(reader),
            work: work(reader),
        }
    }
}

impl RestoreSettings {
    /// Reads the settings.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let user = reader.required(keys::ADMIN_USER);
        let password = reader.secret(keys::ADMIN_PASSWORD);
        let settings = Self {
            open: OpenSettings::read(&mut reader),
            admin: DatabaseSettings::with_login(&mut reader, user, password),
            data_keys: DataKeys::from_reader(&mut reader),
            files: files(&reader),
        };
        reader.finish(settings)
    }
}

impl Place {
    /// Reads the settings.
    pub fn from_reader(mut reader: Reader) -> Result<Self, Problems> {
        let settings = place(&mut reader);
        reader.finish(settings)
    }
}

fn place(reader: &mut Reader) -> Place {
    let platform = reader.required(backup::BACKUP_PLATFORM);
    let is_name = platform
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_name {
        reader.problem(backup::BACKUP_PLATFORM, "is not the name of a platform");
    }
    let text = reader.required(backup::BACKUP_TARGET);
    let target = match text.split_once("://") {
        Some(("file", path)) => Target::Volume(Volume::new(PathBuf::from(path))),
        Some(("s3", path)) => bucket(reader, path),
        _ => {
            if !text.is_empty() {
                let reason = "must begin with file:// or s3://";
                reader.problem(backup::BACKUP_TARGET, reason);
            }
            Target::Volume(Volume::new(PathBuf::new()))
        }
    };
    Place { target, platform }
}

fn bucket(reader: &mut Reader, path: &str) -> Target {
    let none = || Target::Volume(Volume::new(PathBuf::new()));
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    let endpoint = reader.url(backup::BACKUP_S3_ENDPOINT);
    let ca = ca(reader);
    let access_key_id = reader.required(backup::AWS_ACCESS_KEY_ID);
    let secret = reader.required(backup::AWS_SECRET_ACCESS_KEY);
    let Ok(endpoint) = Url::parse(&endpoint) else {
        return none();
    };
    let settings = S3Settings {
        endpoint,
        region: reader.optional(backup::BACKUP_S3_REGION, "us-east-1"),
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        access_key_id: access_key_id.trim().to_owned(),
        secret_access_key: Secret::new(secret.trim().to_owned()),
        ca,
    };
    S3::new(&settings).map_or_else(
        |reason| {
            reader.problem(backup::BACKUP_TARGET, &reason);
            none()
        },
        |bucket| Target::S3(Box::new(bucket)),
    )
}

fn ca(reader: &mut Reader) -> Option<String> {
    let path = reader.optional(backup::BACKUP_S3_CA_FILE, "");
    if path.is_empty() {
        return None;
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            reader.problem(backup::BACKUP_S3_CA_FILE, &format!("{path}: {error}"));
            None
        }
    }
}

fn recipients(reader: &mut Reader) -> Vec<Recipient> {
    let text = reader.required(backup::BACKUP_RECIPIENTS);
    match seal::recipients(&text) {
        Ok(recipients) => recipients,
        Err(reason) => {
            if !text.is_empty() {
                reader.problem(backup::BACKUP_RECIPIENTS, &reason);
            }
            Vec::new()
        }
    }
}

fn identities(reader: &mut Reader) -> Vec<Identity> {
    let path = reader.required(backup::BACKUP_IDENTITY_FILE);
    if path.is_empty() {
        return Vec::new();
    }
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"));
    match text.and_then(|text| seal::identities(&text)) {
        Ok(identities) => identities,
        Err(reason) => {
            reader.problem(backup::BACKUP_IDENTITY_FILE, &reason);
            Vec::new()
        }
    }
}

fn kept_keys(reader: &mut Reader) -> Vec<(&'static str, Secret<String>)> {
    // The database cannot be used without this one.
    let _ = reader.secret(keys::DATA_KEY);
    let named = KEPT_KEYS.iter().filter_map(|name| {
        let value = reader.optional(name, "");
        (!value.is_empty()).then(|| (*name, Secret::new(value)))
    });
    named.collect()
}

fn work(reader: &Reader) -> PathBuf {
    PathBuf::from(reader.optional(backup::BACKUP_WORK_DIR, DEFAULT_WORK_DIR))
}

fn files(reader: &Reader) -> Option<PathBuf> {
    let path = reader.optional(backup::BACKUP_FILES_DIR, "");
    (!path.is_empty()).then(|| PathBuf::from(path))
}
