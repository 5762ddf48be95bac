//! House rules as tests. Each says why it is one.
#![expect(clippy::unwrap_used, reason = "tests stop at faults")]

mod dependencies;
mod dialect;
mod documents;
mod identifiers;
mod layout;
mod metrics;
mod migrations;
mod problems;
mod requirements;
mod sources;
mod streams;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Every file that git knows or would take, with its path from the root.
fn files() -> Vec<(PathBuf, String)> {
    let root = platform_tests::root();
    let listed = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(&root)
        .output()
        .unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    let names = names.split('\0').filter(|name| !name.is_empty());
    let read = |name: &str| std::fs::read_to_string(root.join(name)).ok();
    names
        .filter_map(|name| Some((PathBuf::from(name), read(name)?)))
        .collect()
}

/// Files of one ending.
fn files_ending(extension: &str) -> Vec<(PathBuf, String)> {
    let ends = |path: &Path| path.extension().is_some_and(|found| found == extension);
    files().into_iter().filter(|(path, _)| ends(path)).collect()
}

/// Fails with all faults at once.
#[track_caller]
fn none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}\n{}", faults.join("\n"));
}
