//! Makes a backup of what the init container has dumped, of the files, and of the keys.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::archive;
use crate::config::CreateSettings;
use crate::dump::{self, Summary};
use crate::error::{Code, Failure};
use crate::files;
use crate::format::{
    BackupName, FORMAT, MANIFEST, Manifest, PRODUCT, Part, PartName, Published, SealedKeys,
};
use crate::report::{Created, Kept, MAX_LISTED};
use crate::retention;
use crate::target;

/// What was written this recently into a bucket may belong to a backup that is being made: for
/// example by a platform of the same name in another cluster.
const LEFTOVER_TTL: Duration = Duration::from_hours(24);
/// Bytes that are copied at a time.
const BUFFER: usize = 256 * 1024;

/// Makes a backup at that time, and removes those that are not kept any more.
pub async fn run(settings: &CreateSettings, now: Timestamp) -> Result<Created, Failure> {
    let place = &settings.place;
    let lines = settings.work.join(dump::LINES);
    let summary = dump::summarise(&lines)?;
    let lock = place.target.lock(&place.platform)?;
    remove_leftovers(settings, now).await?;
    let writing = Writing {
        settings,
        name: BackupName::at(now),
        recipients: Arc::new(settings.recipients.clone()),
    };
    let published = match writing.write(summary, now).await {
        Ok(published) => published,
        Err(failure) => {
            writing.take_back().await;
            return Err(failure);
        }
    };
    let kept = remove_surplus(settings).await;
    drop(lock);
    let manifest = &published.manifest;
    Ok(Created {
        backup: manifest.backup.clone(),
        time: now,
        size_bytes: published.size(),
        version: manifest.version.clone(),
        tenants: manifest.tenants,
        rows: manifest.rows,
        files: manifest.files,
        files_missing: manifest.files_missing,
        kept: kept.unwrap_or_else(|error| {
            tracing::warn!(%error, "old backups were not removed; the next backup tries again");
            vec![Kept::from(&published)]
        }),
    })
}

/// Removes what interrupted backups have left, first: a full volume must not stay full.
async fn remove_leftovers(settings: &CreateSettings, now: Timestamp) -> Result<(), Failure> {
    let (stored, objects) = archive::stored(&settings.place).await?;
    let before = if settings.place.target.is_exclusive() {
        Timestamp::MAX
    } else {
        let ttl = SignedDuration::try_from(LEFTOVER_TTL).unwrap_or(SignedDuration::MAX);
        now.checked_sub(ttl).unwrap_or(Timestamp::MIN)
    };
    for backup in retention::leftovers(&stored, before) {
        tracing::info!(%backup, "removing what an interrupted backup has left");
        archive::remove(&settings.place, &backup, &objects).await?;
    }
    Ok(())
}

/// Removes the oldest backups; those that are left, newest first.
async fn remove_surplus(settings: &CreateSettings) -> Result<Vec<Kept>, Failure> {
    let place = &settings.place;
    let (stored, objects) = archive::stored(place).await?;
    let surplus = retention::surplus(&stored, settings.retain);
    for backup in &surplus {
        tracing::info!(%backup, "removing an old backup");
        archive::remove(place, backup, &objects).await?;
    }
    let left = stored.iter().rev();
    let left = left.filter(|one| one.is_complete && !surplus.contains(&one.name));
    let mut kept = Vec::new();
    for backup in left.take(MAX_LISTED) {
        match archive::manifest(place, &backup.name).await {
            Ok(published) => kept.push(Kept::from(&published)),
            Err(error) => tracing::warn!(backup = %backup.name, %error, "a backup is damaged"),
        }
    }
    Ok(kept)
}

/// A backup that is being written.
struct Writing<'a> {
    settings: &'a CreateSettings,
    name: BackupName,
    recipients: Arc<Vec<age::x25519::Recipient>>,
}

impl Writing<'_> {
    async fn write(&self, summary: Summary, now: Timestamp) -> Result<Published, Failure> {
        let lines = self.settings.work.join(dump::LINES);
        let mut manifest = self.manifest(summary, now);
        let dumped = self.settings.work.join(dump::DUMP);
        let database = self.store(PartName::Database, copying(dumped)).await?.1;
        manifest.parts.insert(PartName::Database, database);
        let rows = self.store(PartName::Rows, copying(lines.clone())).await?.1;
        manifest.parts.insert(PartName::Rows, rows);
        if let Some(root) = self.settings.files.clone() {
            let folder = root.clone();
            let pack = move |output: &mut dyn Write| files::pack(&folder, output);
            let (packed, part) = self.store(PartName::Files, pack).await?;
            manifest.parts.insert(PartName::Files, part);
            manifest.files = packed.files;
            let missing = tokio::task::spawn_blocking(move || files::missing(&lines, &root));
            let missing = missing.await;
            manifest.files_missing =
                missing.map_err(|error| Failure::new(Code::Internal, error.to_string()))??;
            if manifest.files_missing > 0 {
                let files = manifest.files_missing;
                tracing::warn!(
                    files,
                    "files that rows name are not there and not in the backup"
                );
            }
        }
        let keys = self.store_keys(manifest.clone()).await?;
        let published = Published { manifest, keys };
        let text = serde_json::to_vec_pretty(&published);
        let text = text.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
        let target = &self.settings.place.target;
        target.write(&self.key(MANIFEST), text.into()).await?;
        Ok(published)
    }

    fn manifest(&self, summary: Summary, now: Timestamp) -> Manifest {
        let Summary {
            migration,
            tenants,
            roles,
            tables,
            rows,
        } = summary;
        Manifest {
            product: PRODUCT.to_owned(),
            format: FORMAT,
            platform: self.settings.place.platform.clone(),
            backup: self.name.clone(),
            time: now,
            version: self.settings.version.clone(),
            migration,
            roles,
            tenants,
            rows,
            tables,
            files: 0,
            files_missing: 0,
            parts: std::collections::BTreeMap::new(),
        }
    }

    async fn store_keys(&self, manifest: Manifest) -> Result<Part, Failure> {
        let keys = self.settings.keys.iter();
        let keys = keys.map(|(name, value)| ((*name).to_owned(), value.expose().clone()));
        let sealed = SealedKeys {
            manifest,
            keys: keys.collect(),
        };
        let text = serde_json::to_vec(&sealed);
        let text = text.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
        let write = move |output: &mut dyn Write| output.write_all(&text).map_err(interrupted);
        Ok(self.store(PartName::Keys, write).await?.1)
    }

    async fn store<T: Send + 'static>(
        &self,
        part: PartName,
        produce: impl FnOnce(&mut dyn Write) -> Result<T, Failure> + Send + 'static,
    ) -> Result<(T, Part), Failure> {
        let recipients = Arc::clone(&self.recipients);
        let target = &self.settings.place.target;
        let stored = archive::store(target, &self.key(part.file()), recipients, produce).await?;
        tracing::info!(
            part = part.file(),
            bytes = stored.1.size,
            "part of the backup stored"
        );
        Ok(stored)
    }

    fn key(&self, file: &str) -> String {
        target::key(&self.settings.place.platform, &self.name, file)
    }

    /// Removes the parts of a backup that has failed.
    async fn take_back(&self) {
        let removed = async {
            let (_, objects) = archive::stored(&self.settings.place).await?;
            archive::remove(&self.settings.place, &self.name, &objects).await
        };
        if let Err(error) = removed.await {
            tracing::warn!(%error, "parts of a failed backup are left; the next one removes them");
        }
    }
}

/// Writes a file.
fn copying(path: PathBuf) -> impl FnOnce(&mut dyn Write) -> Result<(), Failure> + Send + 'static {
    move |output| {
        let what = path.display().to_string();
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                Failure::new(Code::DumpInvalid, format!("{what}: the dump is not there"))
            }
            _ => Failure::of_work(&what, &error),
        };
        let mut input = File::open(&path).map_err(failed)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = input.read(&mut buffer).map_err(failed)?;
            if length == 0 {
                return Ok(());
            }
            output.write_all(&buffer[..length]).map_err(interrupted)?;
        }
    }
}

/// The upload has ended early, and says why.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn interrupted(error: io::Error) -> Failure {
    Failure::new(Code::Internal, error.to_string())
}
