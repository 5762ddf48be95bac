//! What a sentence names: names, links and addresses, and words in quotation marks.

use super::evidence::{Evidence, plain};
use super::{Fault, is_in};
use crate::domain::answer::language::Language;

/// Words of a quotation that is looked for; a shorter one is a name or an ironical word.
const MIN_QUOTED: usize = 3;

/// A name must stand in the sentences near by, in the headings above them, or in the question.
/// Elsewhere in the passage it is about something else.
pub(super) fn check_names(
    sentence: &str,
    near: &[usize],
    passages: &[usize],
    evidence: &Evidence,
) -> Result<(), Fault> {
    for name in names(sentence) {
        for word in evidence.words(name) {
            let in_sources = near.iter().any(|place| {
                let mut words = evidence.sentences[*place].words.iter();
                words.any(|own| own.is_named(&word.text))
            });
            let in_headings = || {
                passages
                    .iter()
                    .any(|place| evidence.passages[*place].context.contains(&word.text))
            };
            // A German noun is capitalised too, and may be inflected.
            let is_inflected = || {
                evidence.language == Language::German
                    && evidence
                        .sentences
                        .iter()
                        .any(|source| is_in(&word, &source.terms))
            };
            let is_short = word.text.chars().count() < 2;
            let in_question = is_in(&word, &evidence.question);
            if !(in_sources || in_question || is_short || in_headings() || is_inflected()) {
                return Err(Fault::Name);
            }
        }
    }
    Ok(())
}

/// Capitalised words that are not at the beginning of a sentence, a quotation or a list entry.
fn names(sentence: &str) -> impl Iterator<Item = &str> {
    let is_edge = |c: char| !c.is_alphanumeric();
    let opens = |chunk: &str| chunk.ends_with(['.', '!', '?', '|', '*']);
    let chunks: Vec<&str> = sentence.split_whitespace().collect();
    let mut found = Vec::new();
    let mut is_start = true;
    for chunk in chunks {
        let word = chunk.trim_matches(is_edge);
        let is_quoted = chunk.starts_with('*');
        let is_capitalised = word.starts_with(char::is_uppercase);
        if is_capitalised && !is_start && !is_quoted && !is_pronoun(word) {
            found.push(word);
        }
        if !word.is_empty() {
            is_start = opens(chunk);
        }
    }
    found.into_iter()
}

/// Pronouns that are capitalised everywhere.
fn is_pronoun(word: &str) -> bool {
    let head = word.split(['\'', '’']).next().unwrap_or(word);
    matches!(
        head,
        "I" | "Sie" | "Ihnen" | "Ihr" | "Ihre" | "Ihren" | "Ihrem" | "Ihrer"
    )
}

/// Links and addresses must stand in a source, character by character.
pub(super) fn check_links(sentence: &str, evidence: &Evidence) -> Result<(), Fault> {
    let text = plain(sentence);
    let stands = |link: &str| {
        evidence
            .passages
            .iter()
            .any(|passage| passage.plain.contains(link))
    };
    let is_bracket =
        |c: char| matches!(c, '(' | ')' | '[' | ']' | '<' | '>' | '"' | '“' | '”' | '*');
    let mut parts = text.split(|c: char| c.is_whitespace() || is_bracket(c));
    let is_unknown = |part: &str| {
        let part = part.trim_matches(|c: char| !c.is_alphanumeric());
        is_link(part) && !stands(part)
    };
    if parts.any(is_unknown) {
        Err(Fault::Link)
    } else {
        Ok(())
    }
}

/// Whether the text is a link, an address, or a host such as `example.org`.
fn is_link(text: &str) -> bool {
    if text.contains("://")
        || text.starts_with("www.")
        || (text.contains('@') && text.contains('.'))
    {
        return true;
    }
    let host = text.split('/').next().unwrap_or(text);
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        label.len() >= 2 && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let is_top = |label: &&str| label.chars().all(|c| c.is_ascii_alphabetic());
    labels.len() >= 2 && labels.iter().all(is_label) && labels.last().is_some_and(is_top)
}

/// What stands in quotation marks must stand in a source in the same words.
pub(super) fn check_quotations(sentence: &str, evidence: &Evidence) -> Result<(), Fault> {
    for quotation in quotations(sentence) {
        let words: Vec<String> = evidence
            .words(quotation)
            .into_iter()
            .map(|word| word.text)
            .collect();
        let spaced = format!(" {} ", words.join(" "));
        let stands = evidence
            .passages
            .iter()
            .any(|passage| passage.spaced.contains(&spaced));
        if words.len() >= MIN_QUOTED && !stands {
            return Err(Fault::Quotation);
        }
    }
    Ok(())
}

fn quotations(sentence: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (open, close) in [
        ("“", "”"),
        ("„", "“"),
        ("«", "»"),
        ("\"", "\""),
        ("「", "」"),
    ] {
        let mut rest = sentence;
        while let Some((_, after)) = rest.split_once(open) {
            let Some((inner, behind)) = after.split_once(close) else {
                break;
            };
            found.push(inner);
            rest = behind;
        }
    }
    found
}
