//! Binary search for a hash in a sorted file: the complete list has tens of gigabytes.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;

/// A range of at most this many bytes is searched line by line.
const LINEAR_SEARCH_SIZE: u64 = 4096;
/// Longer lines are not hashes.
const MAX_LINE_LENGTH: u64 = 200;

/// Whether the file has a line that begins with the hash.
pub(super) fn contains(path: &Path, hash: &str) -> io::Result<bool> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut low, mut high) = (0, file.get_ref().metadata()?.len());
    // Invariant: `low` is the start of a line, and a matching line begins in low..high.
    while high - low > LINEAR_SEARCH_SIZE {
        let middle = low + (high - low) / 2;
        file.seek(SeekFrom::Start(middle))?;
        let skipped = read_line(&mut file)?.len();
        let start = middle + u64::try_from(skipped).unwrap_or(u64::MAX);
        if start >= high {
            break;
        }
        let line = read_line(&mut file)?;
        if line.is_empty() || line.as_str() > hash && !line.starts_with(hash) {
            high = start;
        } else {
            low = start;
        }
    }
    file.seek(SeekFrom::Start(low))?;
    let mut position = low;
    while position < high {
        let line = read_line(&mut file)?;
        if line.is_empty() {
            break;
        }
        if line.starts_with(hash) {
            return Ok(true);
        }
        position += u64::try_from(line.len()).unwrap_or(u64::MAX);
    }
    Ok(false)
}

/// One line with its end, in upper case; empty at the end of the file.
fn read_line(file: &mut BufReader<File>) -> io::Result<String> {
    let mut line = String::new();
    io::Read::take(&mut *file, MAX_LINE_LENGTH).read_line(&mut line)?;
    line.make_ascii_uppercase();
    Ok(line)
}
