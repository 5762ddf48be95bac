//! A stored backup: its parts are sealed and stored, found, checked and opened.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;

use age::x25519::{Identity, Recipient};
use jiff::Timestamp;
use shared_db::migrate;

use crate::config::{OpenSettings, Place};
use crate::error::{Code, Failure};
use crate::format::{
    self, BackupName, MANIFEST, MAX_MANIFEST_BYTES, Part, PartName, Published, SealedKeys,
    Selection,
};
use crate::pieces::{self, PieceReader, PieceWriter};
use crate::retention::Stored;
use crate::seal;
use crate::target::{self, Object, Target, UploadError};

/// No part `keys` is longer.
const MAX_KEYS_BYTES: u64 = 4 * 1024 * 1024;

/// Stores a part: what `produce` writes is sealed, hashed and sent on its way.
pub async fn store<T: Send + 'static>(
    target: &Target,
    key: &str,
    recipients: Arc<Vec<Recipient>>,
    produce: impl FnOnce(&mut dyn Write) -> Result<T, Failure> + Send + 'static,
) -> Result<(T, Part), Failure> {
    let (sender, receiver) = pieces::channel();
    let sealing = tokio::task::spawn_blocking(move || {
        let interrupted = |error: io::Error| Failure::new(Code::Internal, error.to_string());
        let output = PieceWriter::new(sender);
        let mut sealed = seal::sealing(&recipients, output).map_err(interrupted)?;
        let produced = produce(&mut sealed)?;
        let output = sealed.finish().map_err(interrupted)?;
        let part = output.finish().map_err(interrupted)?;
        Ok((produced, part))
    });
    let uploaded = target.upload(key, receiver).await;
    let sealed = sealing.await.map_err(defect)?;
    match uploaded {
        Err(UploadError::Target(failure)) => Err(failure),
        Err(UploadError::Abandoned) | Ok(()) => sealed,
    }
}

/// Reads a part that is as `expected` says. `consume` gets its content, which is known to be what
/// was sealed; that it was all of it is known when this returns.
async fn load<T: Send + 'static>(
    target: &Target,
    key: &str,
    expected: &Part,
    identities: Arc<Vec<Identity>>,
    consume: impl FnOnce(&mut dyn Read) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (sender, receiver) = pieces::channel();
    let expected = expected.clone();
    let what = key.to_owned();
    let opening = tokio::task::spawn_blocking(move || {
        let mut raw = PieceReader::new(receiver);
        let consumed = open_and_consume(&identities, &mut raw, consume);
        if consumed
            .as_ref()
            .is_err_and(|failure| !is_of_content(failure))
        {
            return consumed;
        }
        let interrupted = |error: io::Error| Failure::of_target(&what, &error);
        let found = raw.finish().map_err(interrupted)?;
        // What is short or changed cannot be opened either, and this says why.
        check_part(&what, &expected, &found)?;
        consumed
    });
    let downloaded = target.download(key, sender).await;
    let opened = opening.await.map_err(defect)?;
    downloaded?;
    opened
}

fn open_and_consume<T>(
    identities: &[Identity],
    raw: &mut PieceReader,
    consume: impl FnOnce(&mut dyn Read) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut content = seal::opening(identities, raw)?;
    let consumed = consume(&mut content)?;
    let rest = io::copy(&mut content, &mut io::sink());
    rest.map_err(|error| Failure::new(Code::BackupAltered, error.to_string()))?;
    Ok(consumed)
}

/// Whether a failure may have its cause in the bytes of the part.
const fn is_of_content(failure: &Failure) -> bool {
    !matches!(
        failure.code,
        Code::WorkUnavailable | Code::TargetUnavailable | Code::DatabaseFailed
    )
}

fn check_part(what: &str, expected: &Part, found: &Part) -> Result<(), Failure> {
    let (whole, size) = (expected.size, found.size);
    if size < whole {
        let detail = format!("{what} has {size} bytes instead of {whole}");
        Err(Failure::new(Code::BackupTruncated, detail))
    } else if expected == found {
        Ok(())
    } else {
        let detail = format!("{what} is not what was stored: its SHA-256 or its length differs");
        Err(Failure::new(Code::BackupAltered, detail))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn defect(error: tokio::task::JoinError) -> Failure {
    Failure::new(Code::Internal, error.to_string())
}

/// The backups of a platform as they are in the target, and their objects.
pub async fn stored(place: &Place) -> Result<(Vec<Stored>, Vec<Object>), Failure> {
    let objects = place.target.list(&place.platform).await?;
    let mut found: BTreeMap<BackupName, Stored> = BTreeMap::new();
    for object in &objects {
        let mut parts = object.key.split('/').skip(1);
        let (name, file) = (parts.next().unwrap_or_default(), parts.next());
        let Ok(name) = name.parse::<BackupName>() else {
            continue;
        };
        let entry = found.entry(name.clone()).or_insert(Stored {
            name,
            is_complete: false,
            changed_at: Timestamp::MIN,
        });
        entry.is_complete |= file == Some(MANIFEST);
        entry.changed_at = entry.changed_at.max(object.changed_at);
    }
    Ok((found.into_values().collect(), objects))
}

/// Deletes a backup; its manifest first, so that no part of it counts as a backup.
pub async fn remove(place: &Place, backup: &BackupName, objects: &[Object]) -> Result<(), Failure> {
    let manifest = target::key(&place.platform, backup, MANIFEST);
    let folder = target::key(&place.platform, backup, "");
    if objects.iter().any(|object| object.key == manifest) {
        place.target.delete(&manifest).await?;
    }
    for object in objects
        .iter()
        .filter(|object| object.key.starts_with(&folder))
    {
        place.target.delete(&object.key).await?;
    }
    Ok(())
}

/// The manifest of a backup.
pub async fn manifest(place: &Place, backup: &BackupName) -> Result<Published, Failure> {
    let key = target::key(&place.platform, backup, MANIFEST);
    let bytes = place.target.read(&key, MAX_MANIFEST_BYTES).await?;
    let bytes = bytes.ok_or_else(|| {
        let detail = format!("{backup} has no manifest: it was interrupted or is being deleted");
        Failure::new(Code::BackupIncomplete, detail)
    })?;
    format::parse(backup, &bytes)
}

/// A backup that was selected, with its keys.
pub struct Opened<'a> {
    settings: &'a OpenSettings,
    identities: Arc<Vec<Identity>>,
    /// What it is of.
    pub published: Published,
    /// Keys by the names of their environment variables.
    pub keys: BTreeMap<String, String>,
}

impl<'a> Opened<'a> {
    /// Finds the backup and refuses it if it is not whole, not ours, not for these keys, or newer
    /// than this version.
    pub async fn new(settings: &'a OpenSettings) -> Result<Self, Failure> {
        let place = &settings.place;
        let (stored, objects) = stored(place).await?;
        let name = select(&settings.selection, &stored, &place.platform)?;
        let published = manifest(place, &name).await?;
        check_sizes(place, &published, &objects)?;
        let mut opened = Self {
            settings,
            identities: Arc::new(settings.identities.clone()),
            published,
            keys: BTreeMap::new(),
        };
        let sealed = opened.part(PartName::Keys, read_keys).await?;
        if sealed.manifest != opened.published.manifest {
            let detail = format!("{name}: its manifest is not the one that was sealed with it");
            return Err(Failure::new(Code::BackupAltered, detail));
        }
        let newest = migrate::MIGRATIONS
            .last()
            .map_or(0, |(number, _, _)| *number);
        format::check_version(&sealed.manifest, newest)?;
        opened.keys = sealed.keys;
        Ok(opened)
    }

    /// Its name.
    pub const fn name(&self) -> &BackupName {
        &self.published.manifest.backup
    }

    /// Whether it has that part.
    pub fn has(&self, part: PartName) -> bool {
        self.published.part(part).is_some()
    }

    /// Reads a part.
    pub async fn part<T: Send + 'static>(
        &self,
        part: PartName,
        consume: impl FnOnce(&mut dyn Read) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let place = &self.settings.place;
        let key = target::key(&place.platform, self.name(), part.file());
        let expected = self.published.part(part).ok_or_else(|| {
            let detail = format!("{key}: the backup lacks this part");
            Failure::new(Code::BackupTruncated, detail)
        })?;
        let identities = Arc::clone(&self.identities);
        load(&place.target, &key, expected, identities, consume).await
    }

    /// Writes a part into a file.
    pub async fn write(&self, part: PartName, file: &str) -> Result<(), Failure> {
        let path = self.settings.work.join(file);
        let what = path.display().to_string();
        self.part(part, move |content| {
            let failed = |error: io::Error| Failure::of_work(&what, &error);
            let mut output = std::fs::File::create(&path).map_err(failed)?;
            let mut buffer = vec![0; 256 * 1024];
            loop {
                let length = content.read(&mut buffer).map_err(|error| {
                    Failure::new(Code::BackupAltered, format!("{what}: {error}"))
                })?;
                if length == 0 {
                    return Ok(());
                }
                output.write_all(&buffer[..length]).map_err(failed)?;
            }
        })
        .await
    }
}

fn read_keys(content: &mut dyn Read) -> Result<SealedKeys, Failure> {
    let altered =
        |error: String| Failure::new(Code::BackupAltered, format!("the part keys: {error}"));
    let mut text = Vec::new();
    let read = content.take(MAX_KEYS_BYTES).read_to_end(&mut text);
    read.map_err(|error| altered(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| altered(error.to_string()))
}

/// The backup that is wanted.
fn select(selection: &Selection, stored: &[Stored], platform: &str) -> Result<BackupName, Failure> {
    let complete = stored.iter().filter(|backup| backup.is_complete);
    match selection {
        Selection::Latest => {
            let newest = complete.map(|backup| &backup.name).max().cloned();
            newest.ok_or_else(|| {
                let detail = format!("there is no complete backup of the platform {platform}");
                Failure::new(Code::BackupMissing, detail)
            })
        }
        Selection::Named(name) => match stored.iter().find(|backup| backup.name == *name) {
            Some(backup) if backup.is_complete => Ok(name.clone()),
            Some(_) => Err(Failure::new(
                Code::BackupIncomplete,
                format!("{name} was interrupted: it has no manifest"),
            )),
            None => Err(Failure::new(
                Code::BackupMissing,
                format!("there is no backup {name} of the platform {platform}"),
            )),
        },
    }
}

/// Compares the lengths of the stored parts with the manifest, before anything long is read.
fn check_sizes(place: &Place, published: &Published, objects: &[Object]) -> Result<(), Failure> {
    let name = &published.manifest.backup;
    let parts = published.manifest.parts.iter();
    let parts = parts.map(|(part, expected)| (*part, expected));
    for (part, expected) in parts.chain([(PartName::Keys, &published.keys)]) {
        let key = target::key(&place.platform, name, part.file());
        let found = objects.iter().find(|object| object.key == key);
        let size = found.map_or(0, |object| object.size);
        if size == expected.size {
            continue;
        }
        let (whole, shorter) = (expected.size, size < expected.size);
        let code = if shorter {
            Code::BackupTruncated
        } else {
            Code::BackupAltered
        };
        let detail = format!("{key} has {size} bytes instead of {whole}");
        return Err(Failure::new(code, detail));
    }
    Ok(())
}
