//! Names of the field: identifiers that this code once used, and the names to use instead.

use std::path::Path;

use crate::{files_ending, none};

/// Where the rule holds. The operator's interior is rewritten with its own restructuring.
const ROOTS: [&str; 3] = ["services", "shared", "tests"];

/// What may precede the name of a definition.
const DEFINITIONS: [&str; 8] = [
    "struct ", "enum ", "trait ", "type ", "fn ", "mod ", "const ", "static ",
];

/// A name that must not be defined, and what to write instead.
const REFUSED: [(&str, &str); 48] = [
    ("World", "TestApp or TestCluster"),
    ("Letter", "EmailMessage"),
    ("Post", "Mailer"),
    ("Sealer", "Encryptor"),
    ("Wish", "Desired… or Command"),
    ("Told", "RelayedEvent"),
    ("Verdict", "Decision, Outcome or the name of the check"),
    ("Voice", "AnswerWriter"),
    ("Silence", "StaleConnections"),
    ("ToTheEnd", "DetachOnDrop"),
    ("Borrowed", "PooledConnection"),
    ("Room", "ConversationKey"),
    ("Seat", "Subscription"),
    ("Gate", "Bulkhead, or TcpProxy in tests"),
    ("Pass", "Permit"),
    ("Needed", "RequiredPermission"),
    ("Remembered", "CredentialCache"),
    ("Known", "the noun of what is known"),
    ("Found", "RetrievedPassage, or the noun of what is found"),
    ("Ending", "Outcome"),
    ("Again", "Retry"),
    ("Unwanted", "Cancelled"),
    ("Unfit", "Invalid…"),
    ("Listed", "BoundedList"),
    ("Tally", "RowCounts"),
    ("Prose", "MultiLine"),
    (
        "Line",
        "SingleLine, ReconnectingClient or the noun of the record",
    ),
    ("Lines", "NdjsonWriter, or the noun of the records"),
    ("Turn", "ChatTurn"),
    ("Draft", "the noun with Draft, such as AnswerDraft"),
    ("Work", "the noun of the work"),
    ("PATIENCE", "…_TIMEOUT"),
    ("LIFE", "…_TTL"),
    ("BEAT", "HEARTBEAT_INTERVAL"),
    ("SOON", "…_TIMEOUT"),
    ("from_word", "FromStr"),
    ("word", "as_str"),
    ("tell", "publish or notify"),
    ("tell_surely", "publish_or_log"),
    ("hear", "on_message or on_frame"),
    ("heeding", "with_revocations"),
    ("hasten", "run_now"),
    ("insist", "retry_publish"),
    ("settle", "confirm, finish or the verb of the step"),
    ("promptly", "with_timeout"),
    ("undying", "retry_once_on_disconnect"),
    ("is_away", "is_unavailable"),
    ("stand_in", "fake_…"),
];

/// What a constant that is a time says it is.
const TIMES: [&str; 10] = [
    "TIMEOUT", "INTERVAL", "TTL", "BACKOFF", "MARGIN", "JITTER", "DELAY", "WINDOW", "PERIOD", "AGE",
];

fn sources() -> impl Iterator<Item = (String, String)> {
    let inside = |path: &Path| ROOTS.iter().any(|root| path.starts_with(root));
    files_ending("rs")
        .into_iter()
        .filter(move |(path, _)| inside(path) && !path.ends_with("tidy/identifiers.rs"))
        .map(|(path, text)| (path.display().to_string(), text))
}

/// The name that a line defines.
fn defined(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if line.starts_with("//") {
        return None;
    }
    let begins = |at: usize| at == 0 || line.as_bytes().get(at - 1) == Some(&b' ');
    let mut names = DEFINITIONS.iter().filter_map(|keyword| {
        let at = line.find(keyword).filter(|at| begins(*at))?;
        let rest = line.get(at + keyword.len()..)?;
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
    });
    names.rfind(|name| !name.is_empty())
}

#[test]
fn identifiers_use_the_terms_of_the_field() {
    // A stranger searches for the term of the field, and finds nothing under a private word.
    let mut faults = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let Some(name) = defined(line) else { continue };
            if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                faults.push(format!("{path}:{}: {name}: {instead}", number + 1));
            }
        }
    }
    none("name it as the field does", &faults);
}

#[test]
fn a_constant_that_is_a_time_says_which() {
    // `PATIENCE` was a timeout here, an interval there: a reader had to look up each one.
    let mut faults = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let Some((head, kind)) = line.split_once(':') else {
                continue;
            };
            let is_time = kind.trim_start().starts_with("Duration");
            let constant = head.split_once("const ").map(|(_, name)| name.trim());
            let shouted = |name: &&str| !name.contains(|c: char| c.is_lowercase() || c == ' ');
            let Some(name) = constant.filter(|_| is_time).filter(shouted) else {
                continue;
            };
            if !TIMES.iter().any(|suffix| name.ends_with(suffix)) {
                faults.push(format!("{path}:{}: {name}", number + 1));
            }
        }
    }
    none("end the name in what it is, such as _TIMEOUT", &faults);
}

#[test]
fn the_rules_see_definitions() {
    assert_eq!(defined("pub(crate) struct World {"), Some("World"));
    assert_eq!(defined("    async fn tell(&self) {"), Some("tell"));
    assert_eq!(defined("// struct World"), None);
    assert_eq!(defined("let world = World::new();"), None);
}
