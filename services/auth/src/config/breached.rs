//! Where breached passwords are looked up.

use std::path::PathBuf;

use shared_config::{Reader, keys};

/// A list of breached passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreachedList {
    /// A sorted file of SHA-1 hashes in upper-case hex, one per line, optionally with `:COUNT`.
    File(PathBuf),
    /// A range service: `URL/ABCDE` returns the rest of each hash that begins with `ABCDE`.
    Service(String),
}

pub(super) fn from_reader(reader: &mut Reader) -> Option<BreachedList> {
    let text = reader.optional(keys::BREACHED_PASSWORDS, "");
    if text.is_empty() {
        return None;
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        let url = text.trim_end_matches('/').to_owned();
        return Some(BreachedList::Service(url));
    }
    let path = PathBuf::from(&text);
    if !path.is_file() {
        reader.problem(keys::BREACHED_PASSWORDS, "names neither a file nor a URL");
    }
    Some(BreachedList::File(path))
}
