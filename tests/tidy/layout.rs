//! The floor plan of the services: which folder may know what.

use std::path::{Path, PathBuf};

use crate::{files_ending, none};

/// The folders of a service, and its root modules.
const ROOMS: [&str; 15] = [
    "main.rs",
    "lib.rs",
    "config",
    "state",
    "error",
    "routes",
    "app",
    "jobs",
    "subscriptions",
    "clients",
    "domain",
    "store",
    "files",
    "live",
    "widget",
];

/// The path below `services/NAME/src`, and the service.
fn in_service(path: &Path) -> Option<(String, PathBuf)> {
    let rest = path.strip_prefix("services").ok()?;
    let mut parts = rest.components();
    let service = parts.next()?.as_os_str().to_string_lossy().into_owned();
    let below = parts.as_path().strip_prefix("src").ok()?;
    Some((service, below.to_owned()))
}

/// The lines of a service's source outside its unit tests and comments, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    numbered
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Lines of a room that contain one of these.
fn violations(room: &str, refused: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in files_ending("rs") {
        let Some((_, below)) = in_service(&path) else {
            continue;
        };
        let inside = below.starts_with(room) || below == Path::new(&format!("{room}.rs"));
        if !inside || below.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        for (number, line) in code(&text) {
            if refused.iter().any(|word| line.contains(word)) {
                faults.push(format!("{}:{number}: {}", path.display(), line.trim()));
            }
        }
    }
    faults
}

#[test]
fn every_service_has_the_same_rooms() {
    // Who knows one service finds everything in the other three.
    let mut faults = Vec::new();
    for (path, _) in files_ending("rs") {
        let Some((_, below)) = in_service(&path) else {
            continue;
        };
        let first = below.components().next();
        let first = first.map(|part| part.as_os_str().to_string_lossy().into_owned());
        let room = first.unwrap_or_default();
        let stem = room.trim_end_matches(".rs");
        if !ROOMS.contains(&room.as_str()) && !ROOMS.contains(&stem) {
            faults.push(path.display().to_string());
        }
    }
    none(
        "put it into routes, app, jobs, subscriptions, clients, domain or store",
        &faults,
    );
}

#[test]
fn handlers_reach_the_database_through_use_cases_only() {
    // A handler extracts, makes one call and responds; transactions belong to app/ and jobs/.
    let refused = [
        "sqlx::",
        "crate::store",
        ".commit(",
        ".tenant_read(",
        "db.tenant(",
        "db.system(",
    ];
    none("move it to app/", &violations("routes", &refused));
}

#[test]
fn sql_knows_the_domain_and_nothing_above_it() {
    // store/ is below app/ and routes/: an import upwards makes a circle.
    let above = [
        "crate::app",
        "crate::routes",
        "crate::jobs",
        "crate::subscriptions",
        "crate::clients",
        "crate::config",
        "crate::state",
        "crate::error",
    ];
    none(
        "store/ imports domain/ and shared crates only",
        &violations("store", &above),
    );
}

#[test]
fn the_domain_decides_without_input_or_output() {
    // What decides is tested without a database, a network or a clock.
    let refused = [
        "async fn",
        ".await",
        "sqlx",
        "reqwest",
        "Timestamp::now",
        "SystemTime::now",
        "Instant::now",
        "crate::store",
        "crate::app",
        "crate::routes",
    ];
    none(
        "pass the value in, or move it to app/",
        &violations("domain", &refused),
    );
}

/// The schema of each service.
const SCHEMAS: [(&str, &str); 4] = [
    ("auth", "auth"),
    ("creator-hub", "hub"),
    ("ai-engine", "ai"),
    ("channel", "channel"),
];

/// Files that may still read a table of another service, and until when.
const FOREIGN_READS: [(&str, &str); 1] = [(
    "services/auth/src/store/document_usage.rs",
    "until a projection of events replaces it, one release after all replicas publish (ADR 25)",
)];

/// What precedes a table in a statement.
const BEFORE_A_TABLE: [&str; 6] = ["from ", "join ", "into ", "update ", "using ", "table "];

#[test]
fn a_table_belongs_to_one_service() {
    // A query on another service's table ties both to one schema: neither can change it alone.
    let mut faults = Vec::new();
    for (path, text) in files_ending("rs") {
        let Some((service, _)) = in_service(&path) else {
            continue;
        };
        if FOREIGN_READS
            .iter()
            .any(|(file, _)| path == Path::new(file))
        {
            continue;
        }
        let foreign = SCHEMAS.iter().filter(|(owner, _)| *owner != service);
        let refused: Vec<String> = foreign
            .flat_map(|(_, schema)| BEFORE_A_TABLE.map(|before| format!("{before}{schema}.")))
            .collect();
        for (number, line) in code(&text) {
            if refused.iter().any(|table| line.contains(table.as_str())) {
                faults.push(format!("{}:{number}: {}", path.display(), line.trim()));
            }
        }
    }
    none("ask the owner: a typed client, an event or a job", &faults);
}
