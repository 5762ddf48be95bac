//! Labels of metrics: their values come from fixed lists.

use std::path::Path;

use crate::{files_ending, none};

/// What makes a value while the program runs. A label that is made so has as many values as
/// whoever decides about it likes, and the recorder keeps a time series for each.
const MADE_AT_RUNTIME: [&str; 6] = [
    "to_string(",
    "to_owned(",
    "clone(",
    "into(",
    "format!(",
    "String::",
];

/// Files whose labels are made so, and why their number is bounded all the same.
const BOUNDED: [(&str, &str); 3] = [
    (
        "shared/web/src/access_log.rs",
        "method from a list, route as a template, status from the handlers; see test_method.rs",
    ),
    (
        "services/ai-engine/src/clients/model_servers/measured.rs",
        "the servers of spec.modelServers, at most 8 and Ollama; reasons are an enum",
    ),
    (
        "services/channel/src/app/live/socket.rs",
        "close codes are constants of that file",
    ),
];

/// The arguments of a call that begins at the start of this text.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    let end = text.find(|c: char| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.map_or(text, |end| &text[..end])
}

/// The labels of every call in a source, with the line of the call.
fn labels(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for name in ["counter!(", "gauge!(", "histogram!("] {
        for (at, _) in source.match_indices(name) {
            let call = arguments(&source[at + name.len()..]);
            let line = source[..at].lines().count();
            found.push((line, call.to_owned()));
            // A list of labels that stands before the call.
            let named = call.split_once('&').map(|(_, rest)| rest);
            let list = named.and_then(|rest| {
                let word = rest
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()?;
                let start = source[..at].rfind(&format!("let {word} = ["))?;
                source[start..at].split_once(';').map(|(list, _)| list)
            });
            found.extend(list.map(|list| (line, list.to_owned())));
        }
    }
    found
}

fn is_product(path: &Path) -> bool {
    path.iter().any(|part| part == "src") && !path.ends_with("tests.rs")
}

#[test]
fn labels_of_metrics_come_from_fixed_lists() {
    // A caller who may choose a label decides how much memory the process takes.
    let (mut faults, mut calls) = (Vec::new(), 0);
    let sources = files_ending("rs").into_iter();
    for (path, text) in sources.filter(|(path, _)| is_product(path)) {
        let name = path.display().to_string();
        for (line, labels) in labels(&text) {
            calls += 1;
            let made = MADE_AT_RUNTIME.iter().find(|made| labels.contains(*made));
            if let Some(made) = made.filter(|_| BOUNDED.iter().all(|(file, _)| *file != name)) {
                faults.push(format!("{name}:{line}: {made}…)"));
            }
        }
    }
    assert!(calls > 30, "only {calls} calls were found");
    none(
        "use a &'static str, for example of an enum's as_str()",
        &faults,
    );
}

#[test]
fn a_label_that_is_made_at_runtime_is_found() {
    let made = |source: &str| {
        let found = labels(source);
        found
            .iter()
            .any(|(_, text)| MADE_AT_RUNTIME.iter().any(|made| text.contains(made)))
    };
    assert!(made(
        r#"metrics::counter!("x", "who" => name.to_owned()).increment(1);"#
    ));
    assert!(made(
        r#"let labels = [("a", "b"), ("who", name.clone())];
        metrics::histogram!("x_seconds", &labels).record(1.0);"#
    ));
    assert!(!made(
        r#"let text = name.clone(); metrics::counter!("x", "who" => kind.as_str()).increment(1);"#
    ));
}
