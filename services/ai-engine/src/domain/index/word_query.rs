//! What of a question is looked up in the word index, and how much each term counts.

use std::collections::HashSet;

use crate::domain::index::keywords::Keywords;
use crate::domain::tokenizer::{self, ExactTerm, TermKind, question_exact_terms, question_terms};

/// Further terms are ignored.
const MAX_TERMS: usize = 400;
/// Words of a quoted phrase; a longer one is not looked for.
const MAX_PHRASE: usize = 200;

/// A term that is looked up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueryTerm {
    pub(crate) term: String,
    /// How much a match counts.
    pub(crate) weight: f32,
    /// The keyword that the term stands for, from 0; -1 for an exact term.
    pub(crate) keyword: i32,
    /// The identifier, address or number of which this is a form, from 0; -1 if the passage need
    /// not have it.
    pub(crate) required: i32,
}

/// The terms of a question.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct WordQuery {
    terms: Vec<QueryTerm>,
    keywords: Keywords,
    phrases: Vec<String>,
    required: usize,
}

const fn weight(kind: TermKind) -> f32 {
    match kind {
        TermKind::Word => 1.0,
        TermKind::Stem => 0.8,
        TermKind::Exact => 2.0,
    }
}

impl WordQuery {
    /// The terms of the keywords, and the exact terms of the whole question.
    pub(crate) fn from_text(text: &str) -> Self {
        let keywords = Keywords::from_text(text);
        let mut known = HashSet::new();
        let mut terms = Vec::new();
        for (word, number) in keywords.words().iter().zip(0_i32..) {
            // A pair must be there as a pair: each of its characters is in many other words.
            let is_pair = tokenizer::pairs(word).is_some();
            let of_word = question_terms(word).into_iter();
            for term in of_word.filter(|term| !is_pair || term == word) {
                if known.insert(term.clone()) {
                    terms.push(query_term(term, number, -1));
                }
            }
        }
        let mut required = 0;
        for ExactTerm { forms, is_part } in question_exact_terms(text) {
            let is_required = !is_part && forms.iter().any(|form| is_identifier(form));
            let number = if is_required { required } else { -1 };
            let new: Vec<String> = forms
                .into_iter()
                .filter(|f| known.insert(f.clone()))
                .collect();
            if is_required && !new.is_empty() {
                required += 1;
            }
            terms.extend(new.into_iter().map(|form| query_term(form, -1, number)));
        }
        terms.truncate(MAX_TERMS);
        Self {
            terms,
            phrases: phrases(text),
            keywords,
            required: usize::try_from(required).unwrap_or_default(),
        }
    }

    /// What is looked up.
    pub(crate) fn terms(&self) -> &[QueryTerm] {
        &self.terms
    }

    /// The number of keywords.
    pub(crate) fn keywords(&self) -> usize {
        self.keywords.words().len()
    }

    /// The number of things that the user means exactly.
    pub(crate) const fn required(&self) -> usize {
        self.required
    }

    /// See [`Keywords::are_all`].
    pub(crate) const fn is_only_keywords(&self) -> bool {
        self.keywords.are_all()
    }

    /// See [`Keywords::is_specific`].
    pub(crate) const fn is_specific(&self) -> bool {
        self.keywords.is_specific()
    }

    /// Whether the text holds every phrase that the question has in quotation marks, if any.
    pub(crate) fn has_phrases(&self, text: &str) -> bool {
        let holds = |phrase: &String| spaced(text).contains(phrase.as_str());
        !self.phrases.is_empty() && self.phrases.iter().all(holds)
    }
}

fn query_term(term: String, keyword: i32, required: i32) -> QueryTerm {
    QueryTerm {
        weight: weight(TermKind::of_term(&term)),
        term,
        keyword,
        required,
    }
}

/// Whether an exact term names one thing. Two words with a hyphen or a slash between do not.
fn is_identifier(term: &str) -> bool {
    term.contains(|c: char| c.is_numeric() || matches!(c, '@' | '_' | '#' | '+' | '.'))
}

/// The phrases in quotation marks, normalised.
fn phrases(text: &str) -> Vec<String> {
    let plain = text.replace(
        ['\u{201c}', '\u{201d}', '\u{201e}', '\u{ab}', '\u{bb}'],
        "\"",
    );
    let quoted = plain.split('"').skip(1).step_by(2);
    let closed = plain.matches('"').count() / 2;
    quoted
        .take(closed)
        .filter(|phrase| phrase.len() <= MAX_PHRASE && !phrase.trim().is_empty())
        .map(spaced)
        .filter(|phrase| !phrase.trim().is_empty())
        .collect()
}

/// The words of a text, each between spaces.
fn spaced(text: &str) -> String {
    format!(" {} ", tokenizer::words(text).join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_required_and_ordinary_words_are_not() {
        let required = |text: &str| WordQuery::from_text(text).required();
        assert_eq!(required("What does ZX-4437 mean?"), 1);
        assert_eq!(required("is marta.ruiz@example.org right"), 1);
        assert_eq!(required("v1.2.3 or ZX-4437"), 2);
        assert_eq!(required("Don't I need a well-known name?"), 0);
        assert_eq!(required("sleep"), 0);
    }

    #[test]
    fn every_keyword_is_looked_up_as_written_and_by_its_stem() {
        let query = WordQuery::from_text("breathing");
        let of_kind = |kind| {
            let terms = query.terms().iter();
            terms
                .filter(|term| TermKind::of_term(&term.term) == kind)
                .count()
        };
        assert_eq!(of_kind(TermKind::Word), 1);
        assert!(of_kind(TermKind::Stem) > 1);
        assert_eq!(query.keywords(), 1);
    }

    #[test]
    fn a_phrase_in_quotation_marks_is_looked_for_as_a_whole() {
        let query = WordQuery::from_text("Where is \u{201c}box breathing\u{201d} explained?");
        assert!(query.has_phrases("Try Box  Breathing, twice."));
        assert!(!query.has_phrases("Breathing in a box."));
        assert!(!WordQuery::from_text("box breathing").has_phrases("box breathing"));
        assert!(!WordQuery::from_text("the 6\" pipe").has_phrases("the 6 pipe"));
    }
}
