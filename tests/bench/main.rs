//! What the platform costs: each figure beside that of the least which would do the same work.
//! It asserts nothing about time; `docs/benchmarks.md` says what is measured and how.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "it prints a table, and stops at faults"
)]

mod client;
mod documents;
mod exactness;
mod footprint;
mod ingestion;
mod listing;
#[path = "../integration/ports.rs"]
mod ports;
#[path = "../integration/processes.rs"]
#[expect(dead_code, reason = "the tests of contracts use what is not used here")]
mod processes;
mod report;
mod rounds;
mod servers;
mod sign_in;
mod signed_in;
mod verification;

use std::fs::OpenOptions;
use std::sync::Arc;

use shared_web::telemetry;
use tracing_subscriber::EnvFilter;

use crate::servers::Platform;

/// A group of figures, by the word that asks for it alone.
type Group = (&'static str, fn(&Platform));

const GROUPS: [Group; 7] = [
    ("sign-in", sign_in::run),
    ("me", signed_in::run),
    ("list", listing::run),
    ("verify", verification::run),
    ("limits", exactness::run),
    ("processes", footprint::run),
    ("ingestion", ingestion::run),
];

/// Runs the groups that are named, or all.
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().filter(|word| !word.starts_with('-')).collect();
    log_to_nobody();
    telemetry::start_metrics().unwrap();
    report::head();
    for (name, run) in GROUPS {
        if words.is_empty() || words.iter().any(|word| *word == name) {
            run(&Platform::start());
        }
    }
}

/// Log lines as the services write them, to where nobody reads: they are part of what it costs.
fn log_to_nobody() {
    let nobody = OpenOptions::new().write(true).open("/dev/null").unwrap();
    let lines = tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new("info"))
        .with_writer(Arc::new(nobody))
        .with_target(false);
    lines
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .init();
}
