//! Finds a hash in a sorted file by halving it: the whole list has tens of gigabytes.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;

/// Below so many bytes, lines are read one after another.
const NEAR: u64 = 4096;
/// Longer lines are no hashes.
const LONGEST_LINE: u64 = 200;

/// Whether the file has a line that begins with the hash.
pub(super) fn holds(path: &Path, hash: &str) -> io::Result<bool> {
    let mut file = BufReader::new(File::open(path)?);
    let (mut low, mut high) = (0, file.get_ref().metadata()?.len());
    // Invariant: the line, if it is there, begins in low..high, and low is the start of a line.
    while high - low > NEAR {
        let middle = low + (high - low) / 2;
        file.seek(SeekFrom::Start(middle))?;
        let skipped = line(&mut file)?.len();
        let start = middle + u64::try_from(skipped).unwrap_or(u64::MAX);
        if start >= high {
            break;
        }
        let text = line(&mut file)?;
        if text.is_empty() || text.as_str() > hash && !text.starts_with(hash) {
            high = start;
        } else {
            low = start;
        }
    }
    file.seek(SeekFrom::Start(low))?;
    let mut position = low;
    while position < high {
        let text = line(&mut file)?;
        if text.is_empty() {
            break;
        }
        if text.starts_with(hash) {
            return Ok(true);
        }
        position += u64::try_from(text.len()).unwrap_or(u64::MAX);
    }
    Ok(false)
}

/// One line with its end, in upper case; empty at the end of the file.
fn line(file: &mut BufReader<File>) -> io::Result<String> {
    let mut text = String::new();
    io::Read::take(&mut *file, LONGEST_LINE).read_line(&mut text)?;
    text.make_ascii_uppercase();
    Ok(text)
}
