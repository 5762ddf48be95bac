//! Files that a test writes when asked to, and compares otherwise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use similar::TextDiff;

fn updating() -> bool {
    std::env::vars_os().any(|(key, _)| key == "UPDATE_GOLDEN")
}

/// Compares one file.
pub(crate) fn file(path: &Path, text: &str) {
    let old = std::fs::read_to_string(path).unwrap_or_default();
    if old == text {
        return;
    }
    if updating() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a writable file");
        return;
    }
    let diff = TextDiff::from_lines(old.as_str(), text);
    let diff = diff.unified_diff().context_radius(3).to_string();
    let diff = diff.lines().take(40).collect::<Vec<_>>().join(
        "
",
    );
    panic!(
        "{} is stale (UPDATE_GOLDEN=1 rewrites):\n{diff}",
        path.display()
    );
}

/// Compares a whole folder: also a file too many is stale.
pub(crate) fn folder(folder: &Path, files: &BTreeMap<String, String>) {
    for found in files_below(folder) {
        let name = found
            .strip_prefix(folder)
            .expect("below")
            .to_string_lossy()
            .into_owned();
        if files.contains_key(&name) {
            continue;
        }
        assert!(
            updating(),
            "{} is stale: nothing makes it any more",
            found.display()
        );
        std::fs::remove_file(&found).expect("a removable file");
    }
    for (name, text) in files {
        file(&folder.join(name), text);
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}
