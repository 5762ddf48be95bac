//! What is written beside the code holds too.

use std::path::Path;

use crate::{files, files_ending, none};

#[test]
fn links_lead_somewhere() {
    let root = platform_tests::root();
    let mut faults = Vec::new();
    for (path, text) in files_ending("md") {
        let folder = root
            .join(&path)
            .parent()
            .map(Path::to_path_buf)
            .unwrap_or_default();
        // Patterns in code are no links: every second piece between backticks is code.
        let prose: String = text.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for part in prose.split("](").skip(1) {
            let target = part.split([')', '#', ' ']).next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !outside && !folder.join(target).exists() {
                faults.push(format!("{}: {target}", path.display()));
            }
        }
    }
    none("mend the link", &faults);
}

#[test]
fn every_make_target_says_what_it_does() {
    // `make help` prints the comments, so a target without one is a secret.
    let text = std::fs::read_to_string(platform_tests::root().join("Makefile")).unwrap();
    let target = |line: &str| {
        let name: String = line
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "-%_".contains(*c))
            .collect();
        (!name.is_empty() && line[name.len()..].starts_with(':') && !line.contains(":="))
            .then_some(name)
    };
    let faults: Vec<_> = text
        .lines()
        .filter(|line| !line.contains("##"))
        .filter_map(target)
        .filter(|name| !name.starts_with('.'))
        .collect();
    none("add `## what it does`", &faults);
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let adr = |path: &Path| path.starts_with("docs/adr");
    let mut numbers: Vec<usize> = files()
        .iter()
        .filter(|(path, _)| adr(path))
        .filter_map(|(path, _)| path.file_name()?.to_str()?.get(..4)?.parse().ok())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "docs/adr");
    assert!(numbers.len() >= 5, "the first decisions are written down");
}

#[test]
fn every_condition_reason_has_a_runbook_entry() {
    // A person who reads a condition at night must find what to do.
    let runbook = std::fs::read_to_string(platform_tests::root().join("docs/runbook.md")).unwrap();
    let missing: Vec<_> = operator_core::reason::Reason::ALL
        .iter()
        .map(|reason| reason.name().to_owned())
        .filter(|reason| !runbook.contains(&format!("### {reason}")))
        .collect();
    none("add a section `### Reason` to docs/runbook.md", &missing);
}

#[test]
fn nothing_names_a_machine() {
    // The project speaks of itself, not of where somebody works on it.
    let marks = ["/wo\u{72}k/", "/ro\u{6f}t/", "/ho\u{6d}e/"];
    let mut faults = Vec::new();
    for (path, text) in files() {
        let generated = path.ends_with("Cargo.lock") || path.ends_with("go.sum");
        for (number, line) in text.lines().enumerate().filter(|_| !generated) {
            if marks.iter().any(|mark| line.contains(mark)) {
                faults.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    none("a path of one machine", &faults);
}

#[test]
fn each_level_and_each_part_of_the_tests_is_documented() {
    // Whoever moves a test out of `make test` must say where it runs now.
    let read = |file: &str| std::fs::read_to_string(platform_tests::root().join(file)).unwrap();
    let (page, shares) = (read("docs/testing.md"), read("tests/shares"));
    let parts = read("tests/exhaustive-parts");
    let (_, levels) = shares.split_once("share_seconds=(").unwrap();
    let levels = levels.split_once(')').unwrap().0.split_whitespace();
    let levels = levels.map(|level| level.trim_start_matches('[').split_once("]=").unwrap());
    let (_, parts) = parts.split_once("parts=\"").unwrap();
    let parts = parts.split_once('"').unwrap().0.lines();
    let parts: Vec<_> = parts
        .map(|part| part.split('|').collect())
        .collect::<Vec<Vec<_>>>();
    assert!(parts.len() >= 10, "{parts:?}");
    let rows = levels.map(|(level, seconds)| format!("| {level} | {seconds} s |"));
    let rows = rows.chain(
        parts
            .iter()
            .map(|part| format!("| {} | {} |", part[0], part[1])),
    );
    let missing: Vec<_> = rows.filter(|row| !page.contains(row)).collect();
    none(
        "add a row with these first columns to docs/testing.md",
        &missing,
    );
}
