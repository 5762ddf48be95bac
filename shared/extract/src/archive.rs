//! Bounds of archives, checked before any other library opens one.

use std::io::{self, Read, Seek, SeekFrom, copy, sink};
use std::path::{Component, Path};

use shared_document::ReadFailure;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::ExtractError;

/// The most parts of an archive.
const MAX_PARTS: usize = 10_000;
/// The most bytes of all parts when they are unpacked.
pub(crate) const MAX_INFLATED: u64 = 200 * 1024 * 1024;
/// The highest compression ratio: XML reaches about a hundred.
const MAX_RATIO: u64 = 250;
/// Smaller parts may have any ratio, since plain pictures do.
const MIN_BOMB: u64 = 20 * 1024 * 1024;
/// Endings of files inside that are archives themselves.
const ARCHIVES: [&str; 7] = [".zip", ".docx", ".xlsx", ".pptx", ".jar", ".7z", ".rar"];

/// What an archive has.
pub(crate) struct Contents {
    /// Whether there are other archives in it, which are not opened.
    pub(crate) has_archive: bool,
    /// The bytes of all parts when they are unpacked.
    pub(crate) inflated: u64,
}

/// Checks the bounds of one archive. Returns whether it contains other archives, which are not
/// opened.
pub(crate) fn check(input: &mut (impl Read + Seek)) -> Result<bool, ExtractError> {
    Ok(check_within(input, MAX_INFLATED)?.has_archive)
}

/// Unpacks every part and counts the bytes, since the sizes in the archive's own directory may be
/// wrong. Nothing is stored. More than `most` bytes are refused.
pub(crate) fn check_within(
    input: &mut (impl Read + Seek),
    most: u64,
) -> Result<Contents, ExtractError> {
    input.seek(SeekFrom::Start(0))?;
    let mut archive = ZipArchive::new(&mut *input).map_err(|error| failure(&error))?;
    if archive.len() > MAX_PARTS {
        return Err(ReadFailure::TooManyParts.into());
    }
    let (mut inflated, mut has_archive) = (0, false);
    for number in 0..archive.len() {
        let part = archive.by_index(number).map_err(|error| failure(&error))?;
        if part.encrypted() {
            return Err(ReadFailure::Encrypted.into());
        }
        let name = part
            .name()
            .map_err(|error| failure(&error))?
            .to_ascii_lowercase();
        if !is_inside(&name) {
            return Err(ReadFailure::Damaged.into());
        }
        has_archive |= ARCHIVES.iter().any(|ending| name.ends_with(ending));
        let stored = part.compressed_size();
        let mut part = part.take(most - inflated + 1);
        let size = copy(&mut part, &mut sink()).map_err(|_| ReadFailure::Damaged)?;
        inflated += size;
        let is_bomb = size > MIN_BOMB && size / stored.max(1) > MAX_RATIO;
        if inflated > most || is_bomb {
            return Err(ReadFailure::TooLargeInflated.into());
        }
    }
    input.seek(SeekFrom::Start(0))?;
    Ok(Contents {
        has_archive,
        inflated,
    })
}

/// Whether a name points outside of the archive. Nothing is unpacked to disk, but such a file was
/// made to attack.
fn is_inside(name: &str) -> bool {
    let path = Path::new(name);
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    !name.contains('\\') && path.components().all(is_plain)
}

pub(crate) fn failure(error: &ZipError) -> ReadFailure {
    match error {
        ZipError::UnsupportedArchive(text) if text.contains("assword") => ReadFailure::Encrypted,
        ZipError::InvalidPassword => ReadFailure::Encrypted,
        _ => ReadFailure::Damaged,
    }
}

/// Reads one part as text.
pub(crate) fn part(input: &mut (impl Read + Seek), name: &str) -> Result<Vec<u8>, ExtractError> {
    input.seek(SeekFrom::Start(0))?;
    let mut archive = ZipArchive::new(&mut *input).map_err(|error| failure(&error))?;
    let mut part = archive.by_name(name).map_err(|error| failure(&error))?;
    let mut bytes = Vec::new();
    let read: Result<_, io::Error> = part.read_to_end(&mut bytes);
    read.map_err(|_| ReadFailure::Damaged)?;
    Ok(bytes)
}
