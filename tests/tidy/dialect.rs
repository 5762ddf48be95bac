//! Plain words: phrases that this code once used for common terms, and the terms to use instead.

use crate::{files, none};

/// A phrase in lower case, and what to write instead.
const PHRASES: [(&str, &str); 15] = [
    (" anew", "again"),
    ("in vain", "without success"),
    ("fell silent", "timed out"),
    ("broke off", "ended early, or was interrupted"),
    ("breaks off", "ends early, or is interrupted"),
    ("whoever ", "the caller, the user, anyone who"),
    ("nobody counts", "not rate-limited"),
    ("none yet", "what is empty"),
    (" is away", "is unavailable"),
    (" was away", "was unavailable"),
    ("told of ", "notified of"),
    ("a letter ", "an email"),
    ("the letter ", "the email"),
    ("stable word", "stable code"),
    ("a job waits", "job retry scheduled"),
];

/// Where the rule holds. The operator's interior is rewritten with its own restructuring.
const ROOTS: [&str; 2] = ["services", "shared"];

/// Files with a phrase in its ordinary meaning, or with texts of earlier versions.
const ALLOWED: [&str; 1] = ["services/auth/src/domain/password"];

#[test]
fn sources_and_public_texts_use_the_terms_of_the_field() {
    // A stranger cannot search for a concept that does not bear its name.
    let mut faults = Vec::new();
    for (path, text) in files() {
        let inside = ROOTS.iter().any(|root| path.starts_with(root));
        let read = path.extension().is_some_and(|ending| {
            ending == "rs" || ending == "md" || ending == "json" && path.ends_with("openapi.json")
        });
        let allowed = ALLOWED.iter().any(|prefix| path.starts_with(prefix));
        if !inside || !read || allowed {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            for (phrase, instead) in PHRASES {
                if lower.contains(phrase) {
                    let place = format!("{}:{}", path.display(), number + 1);
                    faults.push(format!("{place}: \"{}\": {instead}", phrase.trim()));
                }
            }
        }
    }
    none("write plain English", &faults);
}
