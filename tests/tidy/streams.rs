//! Every response and socket that goes on after its request was admitted, and what ends it.
//!
//! A caller's right is checked when a request begins. What lasts longer has to end with that right,
//! so each place that begins such a thing says here what it depends on.

use std::collections::BTreeMap;
use std::path::Path;

/// What a long-lived response depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// The credential of the verified caller: `shared-web` ends the response with it.
    WithCaller,
    /// The visitor's session, which the socket watches itself.
    WithSession,
    /// The call of another service, which ends it for its own caller.
    WithService,
    /// No right: what it shows is public.
    Public,
}

/// What begins a response without a known end.
const BEGINNINGS: [&str; 4] = [
    "Sse::new(",
    "Body::from_stream(",
    "NdjsonWriter::answer(",
    ".on_upgrade(",
];

/// The files with such beginnings.
const LIST: [(&str, Ends); 13] = [
    ("services/ai-engine/src/routes/answers.rs", Ends::WithCaller),
    (
        "services/ai-engine/src/routes/internal/documents.rs",
        Ends::WithService,
    ),
    (
        "services/ai-engine/src/routes/internal/tenant_data.rs",
        Ends::WithService,
    ),
    (
        "services/auth/src/app/privacy/download.rs",
        Ends::WithCaller,
    ),
    ("services/auth/src/routes/audit.rs", Ends::WithCaller),
    (
        "services/channel/src/routes/internal/tenant_data.rs",
        Ends::WithService,
    ),
    (
        "services/channel/src/routes/live/socket.rs",
        Ends::WithSession,
    ),
    (
        "services/channel/src/routes/providers/web_widget/originals.rs",
        Ends::Public,
    ),
    (
        "services/creator-hub/src/routes/internal/tenant_data.rs",
        Ends::WithService,
    ),
    (
        "services/creator-hub/src/routes/internal/texts.rs",
        Ends::WithService,
    ),
    (
        "services/creator-hub/src/routes/progress.rs",
        Ends::WithCaller,
    ),
    (
        "services/creator-hub/src/routes/versions.rs",
        Ends::WithCaller,
    ),
    // The writer of copies itself; those that use it are above.
    ("shared/web/src/tenant_data/writer.rs", Ends::WithCaller),
];

/// The extractor that a file must have whose responses end in that way.
const fn extractors(ends: Ends) -> &'static [&'static str] {
    match ends {
        Ends::WithCaller => &["Permit<", "Caller"],
        Ends::WithSession => &["SessionClaims", "Admitted"],
        Ends::WithService => &["ServiceCall<"],
        Ends::Public => &["ClientIp"],
    }
}

fn is_source_of_a_service(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let is_product = text.starts_with("services/") || text.starts_with("shared/");
    // The layer that ends responses replaces their bodies.
    is_product
        && text.contains("/src/")
        && !text.ends_with("tests.rs")
        && text != "shared/web/src/lifetime.rs"
}

#[test]
fn every_long_lived_response_says_what_ends_it() {
    let known: BTreeMap<&str, Ends> = LIST.into();
    let mut faults = Vec::new();
    let mut found = Vec::new();
    for (path, text) in super::files_ending("rs") {
        let begins = BEGINNINGS.iter().any(|word| text.contains(word));
        if !begins || !is_source_of_a_service(&path) {
            continue;
        }
        let name = path.to_string_lossy().into_owned();
        match known.get(&*name) {
            None => faults.push(format!("{name}: say in LIST what ends its responses")),
            Some(ends) => {
                let names = extractors(*ends);
                let has_extractor = names.iter().any(|extractor| text.contains(extractor));
                if !has_extractor && !name.starts_with("shared/") {
                    faults.push(format!("{name}: has none of {names:?}"));
                }
            }
        }
        found.push(name);
    }
    let gone = known
        .keys()
        .filter(|name| !found.iter().any(|file| file == *name));
    faults.extend(gone.map(|name| format!("{name}: begins no such response; remove it")));
    super::none("A response ends with the right of its caller.", &faults);
}
