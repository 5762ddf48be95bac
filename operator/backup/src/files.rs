//! Uploaded files: from creator-hub's folder into one stream, and back.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use shared_blobs::{BlobKey, BlobName, BlobStore as _, Directory};
use shared_models::ContentHash;
use tokio::runtime::Handle;

use crate::dump;
use crate::error::{Code, Failure};

/// Bytes that are moved at a time.
const BUFFER: usize = 256 * 1024;
/// The kind of the lines that name files.
const FILE: &str = "file";

/// What was packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    /// Files.
    pub files: u64,
    /// Files that were deleted while they were about to be read: normal, their rows are gone too.
    pub vanished: u64,
}

/// Writes all files of a folder into a stream. What is being uploaded is left out: no row of the
/// dump names it.
pub fn pack(root: &Path, output: &mut dyn Write) -> Result<Packed, Failure> {
    let failed = |error: io::Error| Failure::of_work(&root.display().to_string(), &error);
    let (mut packed, mut archive) = (Packed::default(), tar::Builder::new(output));
    for tenant in fs::read_dir(root).map_err(failed)? {
        let folder = tenant.map_err(failed)?;
        let Ok(tenant) = folder.file_name().to_string_lossy().parse() else {
            continue;
        };
        let Some(names) = found(fs::read_dir(folder.path())).map_err(failed)? else {
            continue;
        };
        for name in names {
            let entry = name.map_err(failed)?;
            let Ok(name) = entry.file_name().to_string_lossy().parse() else {
                continue;
            };
            let Some(file) = found(File::open(entry.path())).map_err(failed)? else {
                packed.vanished += 1;
                continue;
            };
            append(&mut archive, BlobKey { tenant, name }, file)?;
            packed.files += 1;
        }
    }
    archive.finish().map_err(broken)?;
    Ok(packed)
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    key: BlobKey,
    file: File,
) -> Result<(), Failure> {
    let BlobKey { tenant, name } = key;
    let path = format!("{tenant}/{name}");
    let failed = |error: io::Error| Failure::of_work(&path, &error);
    let size = file.metadata().map_err(failed)?.len();
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o640);
    // A file that has its name is never written to, only replaced; so it keeps its length.
    let content = file.take(size);
    archive
        .append_data(&mut header, &path, content)
        .map_err(failed)
}

/// The files that rows of the dump name and that are not in the folder.
pub fn missing(lines: &Path, root: &Path) -> Result<u64, Failure> {
    let mut missing = 0;
    for name in dump::lines_of(lines, FILE)? {
        let path = root.join(name?);
        let failed = |error: io::Error| Failure::of_work(&path.display().to_string(), &error);
        if found(fs::metadata(&path)).map_err(failed)?.is_none() {
            missing += 1;
        }
    }
    Ok(missing)
}

/// Gives each file of a stream to `take`, which may read it; how many there were.
pub fn unpack(
    input: &mut dyn Read,
    mut take: impl FnMut(BlobKey, &mut dyn Read) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let mut archive = tar::Archive::new(input);
    let mut files = 0;
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.to_string_lossy().into_owned();
        let key = key(&path).ok_or_else(|| {
            let detail = "the files of the backup contain a name that no file has";
            Failure::new(Code::FilesDiffer, detail)
        })?;
        let mut content = Checked::new(&mut entry);
        take(key, &mut content)?;
        content.check(key.name)?;
        files += 1;
    }
    Ok(files)
}

/// Reads every file, to find out whether it is what its name says; how many there are.
pub fn check(input: &mut dyn Read) -> Result<u64, Failure> {
    unpack(input, |_, content| {
        io::copy(content, &mut io::sink())
            .map(|_| ())
            .map_err(broken)
    })
}

/// Puts every file into its place, marked as unconfirmed: creator-hub's sweep then removes those
/// that no row names, such as one that was uploaded after the dump. Blocks, so it belongs into a
/// thread for that.
pub fn place(runtime: &Handle, root: &Path, input: &mut dyn Read) -> Result<u64, Failure> {
    let store = Directory::new(root.to_owned());
    let mut buffer = vec![0; BUFFER];
    unpack(input, |key, content| {
        let failed = |error: shared_blobs::BlobError| {
            Failure::of_work("the files of the platform", &error.into())
        };
        let mut pending = runtime.block_on(store.begin()).map_err(failed)?;
        loop {
            let length = content.read(&mut buffer).map_err(broken)?;
            if length == 0 {
                break;
            }
            let written = runtime.block_on(pending.write(&buffer[..length]));
            written.map_err(failed)?;
        }
        runtime.block_on(pending.finish()).map_err(failed)?;
        runtime.block_on(pending.promote(key)).map_err(failed)
    })
}

fn key(path: &str) -> Option<BlobKey> {
    let (tenant, name) = path.split_once('/')?;
    let (tenant, name) = (tenant.parse().ok()?, name.parse().ok()?);
    Some(BlobKey { tenant, name })
}

/// None if there is no such file.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The stream itself: the target or the archive is at fault, and says so elsewhere.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: io::Error) -> Failure {
    Failure::new(
        Code::BackupAltered,
        format!("the files of the backup: {error}"),
    )
}

/// Hashes what is read of a file.
struct Checked<R> {
    content: R,
    hash: Sha256,
}

impl<R: Read> Checked<R> {
    fn new(content: R) -> Self {
        let hash = Sha256::new();
        Self { content, hash }
    }

    /// Whether an upload has the content that its name says; a text is named by its document.
    fn check(mut self, name: BlobName) -> Result<(), Failure> {
        io::copy(&mut self, &mut io::sink()).map_err(broken)?;
        let found = ContentHash::from(<[u8; 32]>::from(self.hash.finalize()));
        match name {
            BlobName::Upload(expected) if expected != found => Err(Failure::new(
                Code::FilesDiffer,
                "an uploaded file has another content than its name says",
            )),
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(buffer)?;
        self.hash.update(&buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use shared_models::{CreatorId, DocumentId};

    use super::*;

    fn upload(root: &Path, tenant: CreatorId, content: &[u8]) -> BlobKey {
        let hash = ContentHash::from(<[u8; 32]>::from(Sha256::digest(content)));
        let key = BlobKey::upload(tenant, hash);
        put(root, key, content);
        key
    }

    fn put(root: &Path, key: BlobKey, content: &[u8]) {
        let folder = root.join(key.tenant.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(key.name.to_string()), content).unwrap();
    }

    #[test]
    fn files_come_back_as_they_were_and_others_are_left_out() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = (CreatorId::new(), CreatorId::new());
        let key = upload(from.path(), one, b"a file");
        let text = BlobKey::text(two, DocumentId::new());
        put(from.path(), text, &vec![3; 700_000]);
        fs::create_dir(from.path().join(".incoming")).unwrap();
        fs::write(from.path().join(".incoming/half"), b"half").unwrap();
        fs::create_dir(from.path().join("lost+found")).unwrap();
        let mut stream = Vec::new();
        let packed = pack(from.path(), &mut stream).unwrap();
        assert_eq!(
            packed,
            Packed {
                files: 2,
                vanished: 0
            }
        );

        assert_eq!(check(&mut &stream[..]), Ok(2));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let placed = place(runtime.handle(), to.path(), &mut &stream[..]);
        assert_eq!(placed, Ok(2));
        let read = |key: BlobKey| {
            let path = to.path().join(format!("{}/{}", key.tenant, key.name));
            fs::read(path).unwrap()
        };
        assert_eq!(read(key), b"a file");
        assert_eq!(read(text), vec![3; 700_000]);
        let markers = fs::read_dir(to.path().join(".incoming")).unwrap().count();
        assert_eq!(markers, 2, "the sweep looks at each");
    }

    #[test]
    fn a_file_that_is_not_what_its_name_says_is_refused() {
        let from = tempfile::tempdir().unwrap();
        let key = upload(from.path(), CreatorId::new(), b"a file");
        put(from.path(), key, b"another");
        let mut stream = Vec::new();
        pack(from.path(), &mut stream).unwrap();
        let refused = check(&mut &stream[..]).unwrap_err();
        assert_eq!(refused.code, Code::FilesDiffer);
    }

    #[test]
    fn no_name_of_an_archive_leads_out_of_the_folder() {
        for path in ["../x", "/etc/passwd", "x", ".incoming/y"] {
            assert_eq!(key(path), None, "{path}");
        }
    }

    #[test]
    fn files_that_rows_name_and_that_are_gone_are_counted() {
        let from = tempfile::tempdir().unwrap();
        let key = upload(from.path(), CreatorId::new(), b"a file");
        let there = format!("file,{}/{}", key.tenant, key.name);
        let lines = from.path().join(dump::LINES);
        fs::write(&lines, format!("{there}\nfile,{}/text-gone\n", key.tenant)).unwrap();
        assert_eq!(missing(&lines, from.path()), Ok(1));
    }
}
