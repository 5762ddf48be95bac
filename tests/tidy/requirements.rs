//! docs/requirements.md cites paths and tests; each of them must exist.

use std::path::Path;

use crate::none;

/// Columns whose code spans are paths of the repository, or `path::test`.
const CHECKED: [&str; 2] = ["lives in", "proved by"];
/// What the description of the original stack asks of make.
const TARGETS: [&str; 11] = [
    "setup",
    "up",
    "down",
    "format",
    "lint",
    "test",
    "db-migrate",
    "%-logs",
    "health",
    "db-shell",
    "redis-shell",
];

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

/// Every code span of the checked columns, with the line that it stands in.
fn citations(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut checked: Vec<usize> = Vec::new();
    for (number, line) in page.lines().enumerate() {
        if !line.starts_with('|') {
            checked.clear();
            continue;
        }
        let cells = cells(line);
        if checked.is_empty() {
            let named = |(_, title): &(usize, &&str)| CHECKED.contains(title);
            let columns = cells.iter().enumerate().filter(named);
            checked = columns.map(|(column, _)| column).collect();
            continue;
        }
        for column in &checked {
            let cell = cells.get(*column).copied().unwrap_or_default();
            let spans = cell.split('`').skip(1).step_by(2);
            found.extend(spans.map(|span| (number + 1, span)));
        }
    }
    found
}

/// Why a citation is wrong, if it is.
fn fault(root: &Path, citation: &str) -> Option<String> {
    let (path, test) = match citation.split_once("::") {
        Some((path, test)) => (path, Some(test)),
        None => (citation, None),
    };
    let file = root.join(path);
    if path.is_empty() || !file.exists() {
        return Some(format!("{path} does not exist"));
    }
    let test = test?;
    let source = std::fs::read_to_string(file).unwrap_or_default();
    let name = format!("fn {test}()");
    // An attribute that makes it a test stands a few lines above, or nothing runs it.
    let (before, _) = source.split_once(&name).unwrap_or_default();
    let attributes: Vec<_> = before.lines().rev().take(5).collect();
    let is_test = |line: &&str| line.contains("#[test]") || line.contains("#[tokio::test");
    let runs = attributes.iter().any(is_test);
    (!runs).then(|| format!("{path} has no test {test}"))
}

#[test]
fn what_the_requirements_cite_exists() {
    // A reader trusts the page instead of the code; a renamed test must change it.
    let root = platform_tests::root();
    let page = std::fs::read_to_string(root.join("docs/requirements.md")).unwrap();
    let citations = citations(&page);
    let tests = citations.iter().filter(|(_, span)| span.contains("::"));
    assert!(tests.count() > 40, "the tables are read");
    let faults: Vec<_> = citations
        .iter()
        .filter_map(|(line, span)| Some(format!("line {line}: {}", fault(&root, span)?)))
        .collect();
    none("correct docs/requirements.md", &faults);
}

#[test]
fn a_wrong_citation_is_found() {
    let root = platform_tests::root();
    let here = "tests/tidy/requirements.rs";
    assert_eq!(fault(&root, here), None);
    let own = format!("{here}::a_wrong_citation_is_found");
    assert_eq!(fault(&root, &own), None);
    for wrong in ["", "tests/nowhere.rs", &format!("{here}::cells")] {
        assert!(fault(&root, wrong).is_some(), "{wrong}");
    }
}

#[test]
fn the_make_targets_of_the_original_stack_exist() {
    let text = std::fs::read_to_string(platform_tests::root().join("Makefile")).unwrap();
    let missing: Vec<_> = TARGETS
        .iter()
        .filter(|target| {
            let rule = format!("{target}:");
            !text.lines().any(|line| line.starts_with(&rule))
        })
        .map(|target| (*target).to_owned())
        .collect();
    none("add the target to the Makefile", &missing);
}
