//! A migration that older versions cannot live with says so.

use std::path::{Path, PathBuf};

use crate::{files_ending, none};

/// The migration from which on the database says which versions work with it.
const FIRST: u32 = 57;

/// What takes something from a version that still runs, or comes back.
const CONTRACTING: [&str; 9] = [
    "drop table",
    "drop column",
    "drop function",
    "drop procedure",
    "drop schema",
    "drop view",
    "drop type",
    "rename ",
    "set not null",
];

/// Statements without comments, in lower case and on one line.
fn statements(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("--").next().unwrap());
    let words = lines.flat_map(str::split_whitespace);
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

fn number(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    name.split_once('_')?.0.parse().ok()
}

/// The contracting words of a migration that does not say which versions still work.
fn fault(text: &str) -> Option<&'static str> {
    let statements = statements(text);
    let says = statements.contains("update platform.schema_compatibility")
        || text
            .lines()
            .any(|line| line.trim().starts_with("-- compatible: "));
    if says {
        return None;
    }
    let retypes =
        |statement: &str| statement.contains("alter column") && statement.contains(" type ");
    if statements.split(';').any(retypes) {
        return Some("alter column type");
    }
    let mut found = CONTRACTING.into_iter();
    found.find(|words| statements.contains(words))
}

#[test]
fn a_migration_that_takes_something_says_which_versions_still_work() {
    // Otherwise an older version starts on the schema and fails in the middle of a request.
    let migrations = files_ending("sql");
    let migrations = migrations
        .iter()
        .filter(|(path, _)| path.starts_with("migrations") && number(path) > Some(FIRST));
    let faults: Vec<_> = migrations
        .filter_map(|(path, text): &(PathBuf, String)| {
            let words = fault(text)?;
            Some(format!("{}: {words}", path.display()))
        })
        .collect();
    none(
        "update platform.schema_compatibility, or say `-- compatible: why`",
        &faults,
    );
}

#[test]
fn the_rule_finds_what_it_is_for() {
    assert_eq!(
        fault("ALTER TABLE a\n  DROP COLUMN b;"),
        Some("drop column")
    );
    assert_eq!(fault("ALTER TABLE a RENAME TO b;"), Some("rename "));
    let retyped = "ALTER TABLE a ALTER COLUMN b TYPE bigint;";
    assert_eq!(fault(retyped), Some("alter column type"));
    assert_eq!(fault("CREATE TABLE a (type text);"), None);
    assert_eq!(fault("-- drop table\nCREATE TABLE a ();"), None);
    assert_eq!(
        fault("-- compatible: unused since 0.1.1\nDROP TABLE a;"),
        None
    );
    let raised = "DROP TABLE a;\nUPDATE platform.schema_compatibility SET oldest_migration = 60;";
    assert_eq!(fault(raised), None);
}
