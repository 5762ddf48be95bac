//! Whether passages answer a question, or only resemble it. Similar texts about another year,
//! another product or another property of the same thing are as near to a question as its answer,
//! so what counts is which of the things that the question names the passages lack.

mod general_words;
mod needs;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::domain::answer::language::Language;
use crate::domain::tokenizer::{self, question_terms};
use needs::{Kind, Need};

/// What each feature counts, fitted by `tests/quality/fit_answerability.py`, which prints them.
const WEIGHTS: Features = Features {
    asked: -1.33,
    names: -3.42,
    numbers: -4.74,
    present: -1.92,
    other: -0.27,
    nearness: 4.40,
};
const INTERCEPT: f32 = -0.07;
/// A question is not answered if so much of what it names stands in no passage.
const MAX_NAMES_MISSING: f32 = 0.5;
/// A lower sum is refused. Chosen on the tuning half of the judged questions: see
/// `docs/quality.md`.
const MIN_SCORE: f32 = -2.5;
/// A feature counts no more missing things than this.
const MAX_MISSING: f32 = 3.0;
/// What a name in the title of a document counts: the title tells what the document is about.
const TITLE_NAME_SHARE: f32 = 0.7;
/// What any other word in the title counts: it does not say what is asked.
const TITLE_WORD_SHARE: f32 = 0.3;
/// The nearness of a passage that no vector found: that of most passages which are found.
const USUAL_NEARNESS: f32 = 0.35;

/// A passage that was found for a question.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Passages with the same one are of one document.
    pub document: u128,
    /// The document's.
    pub title: &'a str,
    /// Above the passage.
    pub heading: Option<&'a str>,
    /// Of the passage.
    pub text: &'a str,
    /// Cosine similarity to the question above the threshold of the model, as a share of what is
    /// possible; none if only the word search found the passage.
    pub nearness: Option<f32>,
}

/// What the passages of one document lack of the question, and how near they are.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Features {
    /// Words of what is asked for: "encryption algorithm" in "Which encryption algorithm …".
    pub asked: f32,
    /// Words of names, and abbreviations.
    pub names: f32,
    /// Years, versions, codes.
    pub numbers: f32,
    /// 1 if the question is about the present, and the passages about a year.
    pub present: f32,
    /// All other words with a meaning.
    pub other: f32,
    /// Of the nearest passage.
    pub nearness: f32,
}

impl Features {
    const fn score(&self) -> f32 {
        self.asked * WEIGHTS.asked
            + self.names * WEIGHTS.names
            + self.numbers * WEIGHTS.numbers
            + self.present * WEIGHTS.present
            + self.other * WEIGHTS.other
            + self.nearness * WEIGHTS.nearness
            + INTERCEPT
    }

    /// Whether nothing specific is missing. Other words are often said in another way.
    fn has_all(&self) -> bool {
        self.asked + self.names + self.numbers + self.present <= 0.0
    }
}

/// Whether the passages answer the question.
pub(crate) fn is_answered(question: &str, passages: &[Evidence<'_>]) -> bool {
    names_are_known(question, passages)
        && features(question, passages)
            .is_none_or(|found| found.has_all() || found.score() >= MIN_SCORE)
}

/// Whether the passages have enough of the names and numbers in the question: a rule of its own,
/// since a text about another lake is nearer than most answers.
pub fn names_are_known(question: &str, passages: &[Evidence<'_>]) -> bool {
    let needs = needs::of_question(question, Language::detect(question));
    let named = |need: &&Need| matches!(need.kind, Kind::Name | Kind::Number);
    let needs: Vec<Need> = needs.iter().filter(named).cloned().collect();
    let all: f32 = needs.iter().map(|need| need.share).sum();
    let titles: Vec<&str> = passages.iter().map(|passage| passage.title).collect();
    let found = lacks(&needs, passages.iter(), &titles.join("\n"));
    needs.is_empty() || (found.names + found.numbers) / all < MAX_NAMES_MISSING
}

/// The features of the document that has most of the question. None if words say nothing here: in
/// another language, or in one whose words are not known.
pub fn features(question: &str, passages: &[Evidence<'_>]) -> Option<Features> {
    let language = Language::detect(question);
    let is_known = matches!(
        language,
        Language::English
            | Language::Spanish
            | Language::German
            | Language::French
            | Language::Portuguese
            | Language::Italian
    );
    let needs = needs::of_question(question, language);
    let first = passages.first()?;
    if !is_known || needs.is_empty() || Language::detect(first.text) != language {
        return None;
    }
    let nearness = passages.iter().filter_map(|p| p.nearness).reduce(f32::max);
    let mut seen = HashSet::new();
    let documents = passages.iter().filter(|p| seen.insert(p.document));
    documents
        .map(|document| {
            let of_document = passages.iter().filter(|p| p.document == document.document);
            let mut found = lacks(&needs, of_document, document.title);
            found.nearness = nearness.unwrap_or(USUAL_NEARNESS);
            found
        })
        .reduce(|best, next| {
            if next.score() > best.score() {
                next
            } else {
                best
            }
        })
}

/// What the passages of one document lack.
fn lacks<'p>(
    needs: &[Need],
    passages: impl Iterator<Item = &'p Evidence<'p>>,
    title: &str,
) -> Features {
    let mut said = HashSet::new();
    let mut initials = HashSet::new();
    let mut has_year = false;
    for passage in passages {
        for text in [Some(passage.text), passage.heading].into_iter().flatten() {
            said.extend(question_terms(text));
            initials.extend(needs::initials(text));
            initials.extend(needs::abbreviations(text));
            has_year |= needs::has_year(text);
        }
    }
    let title: HashSet<String> = question_terms(title).into_iter().collect();
    let mut found = Features::default();
    for need in needs {
        let is_in = |terms: &HashSet<String>| need.terms.iter().any(|term| terms.contains(term));
        let missing =
            if is_in(&said) || need.initials.as_ref().is_some_and(|i| initials.contains(i)) {
                0.0
            } else if is_in(&title) {
                1.0 - need.title_share()
            } else {
                1.0
            };
        match need.kind {
            Kind::Asked => found.asked += missing,
            Kind::Name => found.names += missing * need.share,
            Kind::Number => found.numbers += missing,
            Kind::Present if has_year => found.present = missing.max(found.present),
            Kind::Present => {}
            Kind::Other => found.other += missing,
        }
    }
    for count in [
        &mut found.asked,
        &mut found.names,
        &mut found.numbers,
        &mut found.other,
    ] {
        *count = count.min(MAX_MISSING);
    }
    found
}

/// The words of a question as they are written, without possessive endings.
fn written_words(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’');
    let words = text.split(|c| !is_part(c));
    words
        .map(|word| word.trim_matches(['\'', '’']))
        .map(|word| {
            word.strip_suffix("'s")
                .or_else(|| word.strip_suffix("’s"))
                .unwrap_or(word)
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// A word in lower case, as the tokenizer makes it.
fn lower(word: &str) -> String {
    tokenizer::words(word).join(" ")
}
