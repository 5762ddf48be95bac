//! How source files look.

use std::path::{Path, PathBuf};

use crate::{files, files_ending, none};

/// Words that say nothing about what is in a file.
const EMPTY_NAMES: [&str; 7] = [
    "utils", "util", "helpers", "helper", "common", "misc", "manager",
];

fn is_test(path: &Path) -> bool {
    path.components()
        .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "bench")
        || path.file_name().is_some_and(|name| name == "tests.rs")
}

#[test]
fn files_are_short() {
    // A file that needs more than one sitting to read holds more than one thing.
    let long = |(path, text): (PathBuf, String)| {
        let lines = text.lines().count();
        (lines > 600).then(|| format!("{}: {lines} lines, at most 600", path.display()))
    };
    let sources = files_ending("rs")
        .into_iter()
        .filter(|(path, _)| !is_test(path));
    let faults: Vec<_> = sources.filter_map(long).collect();
    none("split the file by what its parts are about", &faults);
}

#[test]
fn lines_fit_beside_a_diff() {
    // rustfmt does not break strings and comments, so this does.
    let mut faults = Vec::new();
    for (path, text) in files_ending("rs") {
        for (number, line) in text.lines().enumerate() {
            if line.chars().count() > 100 {
                faults.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    none("at most 100 columns", &faults);
}

#[test]
fn every_room_says_what_it_is_for() {
    // A newcomer reads the first line and knows whether to read on.
    let opens = |text: &str| text.starts_with("//!") || text.starts_with("#![doc");
    let faults: Vec<_> = files_ending("rs")
        .into_iter()
        .filter(|(_, text)| !opens(text))
        .map(|(path, _)| path.display().to_string())
        .collect();
    none(
        "open the file with one line //! that says what the room is for",
        &faults,
    );
}

#[test]
fn names_say_something() {
    // A drawer called helpers takes everything, and nobody finds it again.
    let empty = |path: &Path| {
        path.components().any(|part| {
            let name = part.as_os_str().to_string_lossy();
            EMPTY_NAMES.contains(&name.split('.').next().unwrap_or_default())
        })
    };
    let named = files().into_iter().filter(|(path, _)| empty(path));
    let faults: Vec<_> = named.map(|(path, _)| path.display().to_string()).collect();
    none("name the file after what it is about", &faults);
}

#[test]
fn nothing_is_left_unfinished() {
    // What is not done is said in an issue; a marker in the code is read by nobody.
    let marks = [
        "TO\u{44}O",
        "FIX\u{4d}E",
        "todo\u{21}(",
        "unimplemented\u{21}(",
    ];
    let mut faults = Vec::new();
    for (path, text) in files_ending("rs") {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                faults.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    none("finish it or open an issue", &faults);
}

#[test]
fn an_ignored_test_says_what_it_needs() {
    // `make test` runs them by that word; one without it would never run.
    let mut faults = Vec::new();
    for (path, text) in files_ending("rs") {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("#[ignore") && !line.contains("needs ") {
                faults.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    none("write #[ignore = \"needs …: make test\"]", &faults);
}

#[test]
fn optional_fields_of_resources_are_left_out_and_never_null() {
    // `null` makes has(self.x) true in a CEL rule, so exclusive modes would fail falsely.
    let mut faults = Vec::new();
    let api = |path: &Path| path.starts_with("operator/core/src/api");
    for (path, text) in files_ending("rs").into_iter().filter(|(path, _)| api(path)) {
        let lines: Vec<_> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let field = line
                .trim()
                .strip_prefix("pub ")
                .is_some_and(|l| l.contains(": Option<"));
            let before = &lines[number.saturating_sub(8)..number];
            let start = before.iter().rposition(|l| {
                l.trim().is_empty() || l.ends_with(',') && l.trim().starts_with("pub ")
            });
            let attributes = &before[start.map_or(0, |at| at + 1)..];
            if field && !attributes.iter().any(|l| l.contains("skip_serializing_if")) {
                faults.push(format!(
                    "{}:{}: {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    none("add skip_serializing_if = \"Option::is_none\"", &faults);
}
