//! Whether passages answer a question, or only resemble it. Similar texts about another year,
//! another product or another property of the same thing are as near to a question as its answer,
//! so what counts is which of the things that the question names the passages lack.

mod amounts;
mod document;
mod general_words;
mod needs;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::domain::answer::grounding::numbers::Numbers;
use crate::domain::answer::language::Language;
use crate::domain::tokenizer;
use document::Document;
use needs::{Kind, Need};

/// What each feature counts, fitted by `tests/quality/fit_answerability.py`, which prints them.
const WEIGHTS: Weights = Weights {
    asked: -1.39,
    names: -0.46,
    apart: -1.71,
    numbers: -1.95,
    another: -1.25,
    present: -2.08,
    amount: -3.00,
    other: -0.41,
    nearness: 4.60,
};
const INTERCEPT: f32 = 0.27;
/// A question is not answered if so much of what it names stands in no passage.
const MAX_NAMES_MISSING: f32 = 0.5;
/// A lower sum is refused. Chosen on the questions for tuning: see `docs/quality.md`.
const MIN_SCORE: f32 = -0.7;
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

/// A value for each feature.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Weights {
    /// Words of what is asked for that the best sentence lacks: "encryption algorithm" in "Which
    /// encryption algorithm …".
    pub asked: f32,
    /// Names that stand nowhere in the document.
    pub names: f32,
    /// Names that the best sentence lacks.
    pub apart: f32,
    /// Years, versions, codes that the best sentence lacks.
    pub numbers: f32,
    /// 1 if a part of a name belongs to another one: "Springfield, Missouri", "Galaxy 14".
    pub another: f32,
    /// 1 if the question is about the present, and the document about a year.
    pub present: f32,
    /// 1 if an amount is asked for, and the document has no number.
    pub amount: f32,
    /// All other words with a meaning that the document lacks.
    pub other: f32,
    /// Of the nearest passage.
    pub nearness: f32,
}

/// What a document lacks of the question, and how near its passages are.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Features {
    /// How much is missing, by kind, and how near it is.
    pub counts: Weights,
    /// Whether nothing specific is missing. Other words are often said in another way.
    pub has_all: bool,
}

impl Features {
    const fn score(&self) -> f32 {
        let counts = &self.counts;
        counts.asked * WEIGHTS.asked
            + counts.names * WEIGHTS.names
            + counts.apart * WEIGHTS.apart
            + counts.numbers * WEIGHTS.numbers
            + counts.another * WEIGHTS.another
            + counts.present * WEIGHTS.present
            + counts.amount * WEIGHTS.amount
            + counts.other * WEIGHTS.other
            + counts.nearness * WEIGHTS.nearness
            + INTERCEPT
    }
}

/// Whether the passages answer the question.
pub(crate) fn is_answered(question: &str, passages: &[Evidence<'_>]) -> bool {
    let Some(found) = features(question, passages) else {
        return names_are_known(question, passages);
    };
    // In other languages names are most of what is counted.
    let names_decide =
        found.counts.another > 0.0 || Language::detect(question) != Language::English;
    (found.has_all || found.score() >= MIN_SCORE)
        && (!names_decide || names_are_known(question, passages))
}

/// Whether the passages have enough of the names and numbers in the question: a rule of its own,
/// since a text about another lake is nearer than most answers.
pub fn names_are_known(question: &str, passages: &[Evidence<'_>]) -> bool {
    let language = Language::detect(question);
    let mut needs = needs::of_question(question, language);
    needs.retain(|need| matches!(need.kind, Kind::Name | Kind::Number));
    if needs.is_empty() {
        return true;
    }
    let titles: Vec<&str> = passages.iter().map(|passage| passage.title).collect();
    let document = Document::read(passages.iter(), &titles.join("\n"), language);
    let all: f32 = needs.iter().map(|need| need.share).sum();
    let missing = needs
        .iter()
        .map(|need| document.missing(need) * need.share)
        .sum::<f32>();
    missing / all < MAX_NAMES_MISSING
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
    let amount = amounts::asked_for(question, language);
    let nearness = passages.iter().filter_map(|p| p.nearness).reduce(f32::max);
    let mut seen = HashSet::new();
    let documents = passages.iter().filter(|p| seen.insert(p.document));
    documents
        .map(|document| {
            let of_document = passages.iter().filter(|p| p.document == document.document);
            let read = Document::read(of_document, document.title, language);
            let mut found = lacks(&needs, &read, amount.as_ref());
            found.counts.nearness = nearness.unwrap_or(USUAL_NEARNESS);
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

/// What a document lacks. An amount that is asked for comes with the numbers of the question.
fn lacks(needs: &[Need], document: &Document, amount: Option<&Numbers>) -> Features {
    let best = document.best_sentence(needs);
    let mut counts = Weights::default();
    let mut specific = 0.0;
    for need in needs {
        let missing = document.missing(need);
        let is_apart = f32::from(best.is_none_or(|sentence| !sentence.has(need)));
        let missing_now = match need.kind {
            Kind::Present if document.has_year() => missing,
            Kind::Present | Kind::Other => 0.0,
            Kind::Asked | Kind::Name | Kind::Number => missing,
        };
        specific += missing_now;
        match need.kind {
            Kind::Asked => counts.asked += is_apart,
            Kind::Name => {
                counts.names += missing * need.share;
                counts.apart += is_apart * need.share;
            }
            Kind::Number => counts.numbers += is_apart,
            Kind::Present => counts.present = counts.present.max(missing_now),
            Kind::Other => counts.other += missing,
        }
        if document.has_another(need) {
            counts.another = 1.0;
        }
    }
    if amount.is_some_and(|asked| document.lacks_amount(asked)) {
        counts.amount = 1.0;
    }
    for count in [
        &mut counts.asked,
        &mut counts.names,
        &mut counts.apart,
        &mut counts.numbers,
        &mut counts.other,
    ] {
        *count = count.min(MAX_MISSING);
    }
    Features {
        has_all: specific + counts.another + counts.amount <= 0.0,
        counts,
    }
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
