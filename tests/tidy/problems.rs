//! Codes of problem documents: each has a meaning and a test, and the page of them is current.

mod meanings;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use http::StatusCode;
use operator_core::plan::gateway::FAILURES;
use shared_document::{ReadFailure, Warning, WarningCode};
use shared_fetch::FetchFailure;
use shared_testkit::golden::assert_golden;

use crate::{files_ending, none};
use meanings::MEANINGS;

/// How `ApiError` is made with a status of its own, and that status.
const MAKERS: [(&str, u16); 6] = [
    ("bad_request(", 400),
    ("unauthorized(", 401),
    ("forbidden(", 403),
    ("not_found(", 404),
    ("conflict(", 409),
    ("unprocessable(", 422),
];

/// Where a code is answered, and with which statuses.
#[derive(Default)]
struct Use {
    statuses: BTreeSet<u16>,
    services: BTreeSet<String>,
}

/// The code that begins a list of arguments.
fn literal(arguments: &str) -> Option<&str> {
    let (code, _) = arguments.trim_start().strip_prefix('"')?.split_once('"')?;
    let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (!code.is_empty() && code.bytes().all(word)).then_some(code)
}

/// Codes and statuses that a source answers with: a literal behind one of the makers, or behind
/// `StatusCode::NAME,`.
fn codes_of(source: &str) -> Vec<(u16, &str)> {
    let mut found = Vec::new();
    for (maker, status) in MAKERS {
        let calls = source.split(maker).skip(1).filter_map(literal);
        found.extend(calls.map(|code| (status, code)));
    }
    for call in source.split("StatusCode::").skip(1) {
        let named = call.split_once(',').and_then(|(name, rest)| {
            let status = status_named(name)?;
            Some((status, literal(rest)?))
        });
        found.extend(named);
    }
    found
}

/// `NOT_FOUND` is 404.
fn status_named(name: &str) -> Option<u16> {
    let words = |text: &str| text.replace([' ', '-'], "_").to_uppercase();
    (400..600).find(|code| {
        let status = StatusCode::from_u16(*code).ok();
        status
            .and_then(|status| status.canonical_reason())
            .map(words)
            .as_deref()
            == Some(name)
    })
}

/// Which service a source belongs to; none for tests and for what is no service.
fn owner(path: &Path) -> Option<String> {
    let mut parts = path.iter().map(|part| part.to_string_lossy().into_owned());
    let (top, house, room) = (parts.next()?, parts.next()?, parts.next()?);
    let test = path.ends_with("tests.rs") || house == "testkit" || room != "src";
    match top.as_str() {
        _ if test => None,
        "services" => Some(house),
        "shared" => Some("every service".to_owned()),
        _ => None,
    }
}

fn codes() -> BTreeMap<String, Use> {
    let mut all: BTreeMap<String, Use> = BTreeMap::new();
    for (path, text) in files_ending("rs") {
        let Some(owner) = owner(&path) else { continue };
        for (status, code) in codes_of(&text) {
            let known = all.entry(code.to_owned()).or_default();
            known.statuses.insert(status);
            known.services.insert(owner.clone());
        }
    }
    all
}

fn page(codes: &BTreeMap<String, Use>) -> String {
    let mut page = String::from(
        "# Problem codes\n\nGenerated from the sources by `tests/tidy/problems.rs`; \
         `make generate` rewrites it. Every failed request\nanswers a problem document with one \
         of these in `code` (see [API design](../api-design.md)).\n\n\
         | code | status | answered by | meaning |\n| --- | --- | --- | --- |\n",
    );
    for (code, Use { statuses, services }) in codes {
        let statuses: Vec<_> = statuses.iter().map(u16::to_string).collect();
        let everywhere = services.contains("every service");
        let services: Vec<_> = services.iter().map(String::as_str).collect();
        let services = if everywhere {
            "every service".to_owned()
        } else {
            services.join(", ")
        };
        let meaning = MEANINGS
            .iter()
            .find(|(known, _)| known == code)
            .map_or("", |(_, text)| text);
        let statuses = statuses.join(", ");
        let _ = writeln!(page, "| `{code}` | {statuses} | {services} | {meaning} |");
    }
    page.push_str(&gateway());
    page.push_str(&reading());
    page.push_str(&fetching());
    page
}

/// What the gateway answers before a service has the request.
fn gateway() -> String {
    let mut page = String::from(
        "\n## Failures of the gateway\n\nWhat nginx answers by itself, before a service has the \
         request or instead of one.\n\n| code | status | title |\n| --- | --- | --- |\n",
    );
    for failure in &FAILURES {
        for code in failure.codes {
            let _ = writeln!(
                page,
                "| `{code}` | {} | {} |",
                failure.status, failure.title
            );
        }
    }
    page
}

/// What a document can fail with because of its file, and what is said about one that was read.
fn reading() -> String {
    let mut page = String::from(
        "\n## Files that cannot be read\n\nThe `error` of a document in the state `failed`, when \
         its file is the cause. Nothing helps but another file.\n\n\
         | code | reason |\n| --- | --- |\n",
    );
    for failure in ReadFailure::ALL {
        let _ = writeln!(page, "| `{}` | {} |", failure.as_str(), failure.reason());
    }
    page.push_str(
        "\n## Warnings about documents\n\nIn `warnings` of a document whose file was read.\n\n\
         | code | message |\n| --- | --- |\n",
    );
    for code in WarningCode::ALL {
        let (position, language) = (None, None);
        let warning = Warning {
            code,
            position,
            language,
        };
        let message = warning.message();
        let _ = writeln!(page, "| `{}` | {message} |", code.as_str());
    }
    page
}

/// Why a site, or one of its pages, was not fetched.
fn fetching() -> String {
    let mut page = String::from(
        "\n## Sites that cannot be read\n\nThe `error` of a site whose last synchronisation \
         failed, \
         or of a page of it. What was read before stays\nsearchable, except for pages that are \
         missing.\n\n| code | reason | another attempt by itself |\n| --- | --- | --- |\n",
    );
    for failure in FetchFailure::ALL {
        let again = if failure.is_temporary() { "yes" } else { "no" };
        let (code, reason) = (failure.as_str(), failure.reason());
        let _ = writeln!(page, "| `{code}` | {reason} | {again} |");
    }
    page
}

#[test]
fn the_page_of_problem_codes_is_current() {
    let codes = codes();
    assert!(codes.len() > 40, "only {} codes were found", codes.len());
    let path = platform_tests::root().join("docs/reference/errors.md");
    assert_golden(&path, &page(&codes));
}

#[test]
fn every_problem_code_has_a_meaning() {
    // A caller programs against the code and must be able to look it up.
    let known: BTreeSet<_> = MEANINGS.iter().map(|(code, _)| *code).collect();
    assert_eq!(known.len(), MEANINGS.len(), "a code stands there twice");
    let used = codes().into_keys();
    let missing: Vec<_> = used.filter(|code| !known.contains(code.as_str())).collect();
    none(
        "say what it means in tests/tidy/problems/meanings.rs",
        &missing,
    );
}

#[test]
fn a_code_is_written_where_its_status_is() {
    // Otherwise nothing finds it: neither this test nor a person who searches.
    let mut faults = Vec::new();
    for (path, text) in files_ending("rs") {
        if owner(&path).is_none() || path.ends_with("web/src/error.rs") {
            continue;
        }
        for kind in ["ApiError::", "Self::"] {
            for (maker, _) in MAKERS {
                let maker = format!("{kind}{maker}");
                let calls = text
                    .split(&maker)
                    .skip(1)
                    .filter(|call| literal(call).is_none());
                faults.extend(calls.map(|_| format!("{}: {maker}…", path.display())));
            }
        }
        let calls = text.split("ApiError::new(").skip(1);
        let hidden = calls.filter(|call| {
            let second = call.split_once(',').map(|(_, rest)| rest);
            second.and_then(literal).is_none()
        });
        faults.extend(hidden.map(|_| format!("{}: ApiError::new(…", path.display())));
    }
    none("write the code as a literal beside its status", &faults);
}

#[test]
fn every_problem_code_stands_in_a_test() {
    // The rule: the quoted code stands in a file of tests other than these house rules. That it is
    // there because the test provokes it is for the reviewer to see.
    let is_test = |path: &Path| {
        let here = path.starts_with("tests/tidy");
        !here && (path.iter().any(|part| part == "tests") || path.ends_with("tests.rs"))
    };
    let tests: Vec<_> = files_ending("rs")
        .into_iter()
        .filter(|(path, _)| is_test(path))
        .collect();
    let codes = codes().into_keys();
    let missing: Vec<_> = codes
        .filter(|code| {
            let quoted = format!("\"{code}\"");
            !tests.iter().any(|(_, text)| text.contains(&quoted))
        })
        .collect();
    none("write a test that provokes it", &missing);
}
