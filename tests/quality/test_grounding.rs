//! How well the check of an answer's sentences tells what the sources support from what they do
//! not, on sentences of real documents: as they are, lightly rewritten, and with one thing changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use ai_engine_service::grounding::{Decision, Evidence, Passage, check};
use shared_testkit::assert_golden;

use crate::data_set::{DataSet, Document};

/// Passages of one answer.
const PASSAGES: usize = 4;
/// Sentences of one document that are tried.
const SENTENCES: usize = 6;
/// Words of a sentence that is tried.
const WORDS: std::ops::RangeInclusive<usize> = 6..=45;
/// The goals of the product.
const MIN_PASSED: f64 = 0.95;
const MIN_STOPPED: f64 = 0.98;
const CHECK_TIMEOUT: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Counts {
    tried: usize,
    right: usize,
}

#[test]
#[ignore = "needs the judged data: tests/run quality"]
fn supported_sentences_pass_and_changed_ones_are_stopped() {
    let documents = DataSet::load().documents;
    let mut all_counts: BTreeMap<(bool, &'static str), Counts> = BTreeMap::new();
    let mut times = Vec::new();
    for place in 0..documents.len() {
        let evidence = evidence(&documents, place);
        let other = &documents[(place + PASSAGES * 3) % documents.len()];
        for sentence in sentences(&documents[place].content)
            .into_iter()
            .take(SENTENCES)
        {
            for (is_supported, kind, variant) in variants(sentence, &other.content) {
                let started = Instant::now();
                let decision = check(&variant, &evidence);
                times.push(started.elapsed());
                let has_passed = matches!(decision, Decision::Supported(_));
                let counts = all_counts.entry((is_supported, kind)).or_default();
                counts.tried += 1;
                counts.right += usize::from(has_passed == is_supported);
                if has_passed != is_supported {
                    println!("{kind}: {decision:?}: {variant}");
                }
            }
        }
    }
    times.sort_unstable();
    println!(
        "time of a check: p50 {:?}, p95 {:?}",
        times[times.len() / 2],
        p95(&times)
    );
    let (text, passed, stopped) = report(&all_counts);
    println!("{text}");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/quality/figures/grounding.txt");
    assert_golden(Path::new(file), &text);
    assert!(passed >= MIN_PASSED && stopped >= MIN_STOPPED, "{text}");
    assert!(
        p95(&times) <= CHECK_TIMEOUT * 4,
        "even without optimisation"
    );
}

fn p95(times: &[Duration]) -> Duration {
    times[times.len() * 95 / 100]
}

/// The document and its neighbours in the list, as the passages of one question.
fn evidence(documents: &[Document], place: usize) -> Evidence {
    let passages = (0..PASSAGES).map(|offset| &documents[(place + offset) % documents.len()]);
    Evidence::new(
        "",
        passages.zip(1_u32..).map(|(document, number)| Passage {
            number,
            title: &document.title,
            heading: None,
            text: &document.content,
        }),
    )
}

fn sentences(text: &str) -> Vec<&str> {
    text.split_inclusive(". ")
        .map(str::trim)
        .filter(|sentence| WORDS.contains(&sentence.split_whitespace().count()))
        .filter(|sentence| sentence.starts_with(char::is_uppercase) && sentence.ends_with('.'))
        .filter(|sentence| !sentence.contains('\n'))
        .collect()
}

/// What is tried with a sentence: whether it is supported, what was done to it, and its text.
fn variants(sentence: &str, other: &str) -> Vec<(bool, &'static str, String)> {
    let mut found = vec![(true, "verbatim", sentence.to_owned())];
    let mut add = |is_supported, kind, variant: Option<String>| {
        if let Some(variant) = variant.filter(|variant| variant != sentence) {
            found.push((is_supported, kind, variant));
        }
    };
    add(true, "clauses in another order", reordered(sentence));
    add(true, "some words left out", Some(shortened(sentence)));
    add(true, "another beginning", introduced(sentence));
    add(
        true,
        "numbers in another spelling",
        Some(respelled(sentence)),
    );
    add(false, "another number", with_another_number(sentence));
    add(false, "another name", with_another_name(sentence, other));
    add(false, "the opposite", negated(sentence));
    found
}

fn reordered(sentence: &str) -> Option<String> {
    let (first, second) = sentence.trim_end_matches('.').split_once(", ")?;
    (first.split_whitespace().count() > 2).then(|| format!("And {second}, {first}."))
}

/// Leaves out every seventh word in lower case, but no negation.
fn shortened(sentence: &str) -> String {
    let kept = sentence
        .split_whitespace()
        .enumerate()
        .filter(|(place, word)| {
            let is_plain = word.len() > 4 && word.bytes().all(|b| b.is_ascii_lowercase());
            let is_negation = matches!(*word, "never" | "without" | "cannot" | "neither");
            place % 7 != 3 || !is_plain || is_negation
        });
    kept.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
}

fn introduced(sentence: &str) -> Option<String> {
    let (first, rest) = sentence.split_once(' ')?;
    let is_article = matches!(first, "The" | "A" | "An" | "This" | "These" | "In" | "It");
    is_article.then(|| format!("So as you can see, {} {rest}", first.to_lowercase()))
}

fn respelled(sentence: &str) -> String {
    let words = [
        "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let respell = |word: &str| {
        let plain = word.trim_end_matches(['.', ',']);
        let end = &word[plain.len()..];
        if let Some(place) = words.iter().position(|listed| *listed == plain) {
            return format!("{}{end}", place + 2);
        }
        let is_grouped = plain.len() == 5 && plain.as_bytes().get(1) == Some(&b',');
        if is_grouped {
            format!("{}{end}", plain.replace(',', ""))
        } else {
            word.to_owned()
        }
    };
    sentence
        .split(' ')
        .map(respell)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Changes the first digit of the last number.
fn with_another_number(sentence: &str) -> Option<String> {
    let end = sentence.rfind(|c: char| c.is_ascii_digit())?;
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, ',' | '.');
    let start = sentence[..end]
        .rfind(|c: char| !is_part(c))
        .map_or(0, |at| at + 1);
    let start = start + sentence[start..].find(|c: char| c.is_ascii_digit())?;
    if sentence[..start].ends_with(char::is_alphabetic) {
        return None;
    }
    let digit = sentence[start..].chars().next()?.to_digit(10)?;
    let changed = (digit + 3) % 9 + 1;
    let changed = if changed == digit {
        changed % 9 + 1
    } else {
        changed
    };
    Some(format!(
        "{}{changed}{}",
        &sentence[..start],
        &sentence[start + 1..]
    ))
}

/// Replaces the last name by one of another document.
fn with_another_name(sentence: &str, other: &str) -> Option<String> {
    let is_name = |word: &str| {
        let plain = word.trim_matches(|c: char| !c.is_alphanumeric());
        plain.len() > 3
            && plain.starts_with(|c: char| c.is_ascii_uppercase())
            && plain[1..].bytes().all(|b| b.is_ascii_lowercase())
    };
    let plain = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let name = sentence
        .split_whitespace()
        .skip(1)
        .filter(|word| is_name(word))
        .last()?;
    let mut others = other
        .split_whitespace()
        .zip(other.split_whitespace().skip(1));
    let is_inside = |before: &str| before.ends_with(char::is_alphanumeric);
    let (_, replacement) = others.find(|(before, word)| {
        is_inside(before) && is_name(word) && !sentence.contains(&plain(word))
    })?;
    let at = sentence.rfind(name)?;
    let changed = name.replace(&plain(name), &plain(replacement));
    Some(format!(
        "{}{changed}{}",
        &sentence[..at],
        &sentence[at + name.len()..]
    ))
}

/// Leaves out a negation, or adds one behind the first verb that takes one.
fn negated(sentence: &str) -> Option<String> {
    if let Some((before, after)) = sentence.split_once(" not ") {
        return Some(format!("{before} {after}"));
    }
    let verbs = [
        " is ",
        " are ",
        " was ",
        " were ",
        " can ",
        " will ",
        " has been ",
        " should ",
    ];
    let (at, verb) = verbs
        .iter()
        .filter_map(|verb| Some((sentence.find(verb)?, verb)))
        .min_by_key(|(at, _)| *at)?;
    let end = at + verb.len();
    Some(format!("{}not {}", &sentence[..end], &sentence[end..]))
}

fn report(all_counts: &BTreeMap<(bool, &'static str), Counts>) -> (String, f64, f64) {
    let mut text = String::new();
    let mut shares = Vec::new();
    for (is_supported, verb) in [(true, "passed"), (false, "stopped")] {
        let mut all = Counts::default();
        let of_kind = all_counts
            .iter()
            .filter(|((supported, _), _)| *supported == is_supported);
        for ((_, kind), counts) in of_kind {
            let _ = writeln!(text, "{kind}: {} of {} {verb}", counts.right, counts.tried);
            all.right += counts.right;
            all.tried += counts.tried;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts are small")]
        let share = all.right as f64 / all.tried.max(1) as f64;
        let _ = writeln!(
            text,
            "all: {} of {} {verb}, {:.1} %",
            all.right,
            all.tried,
            share * 100.0
        );
        shares.push(share);
    }
    (text, shares[0], shares[1])
}
