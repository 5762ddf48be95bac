//! The word index of a document: for each term the passages that hold it.

use std::collections::BTreeMap;

use crate::domain::index::chunking::Passage;
use crate::domain::tokenizer::{StemLanguage, TermKind, document_terms};

/// How often a term of the title or of the heading counts beside one of the text.
const TITLE_WEIGHT: i16 = 1;
const HEADING_WEIGHT: i16 = 1;
/// Bytes of text that tell its language.
const LANGUAGE_SAMPLE: usize = 20_000;

/// One term in one passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) term: String,
    pub(crate) ordinal: i32,
    /// Weighted occurrences.
    pub(crate) frequency: i16,
    /// The words of the passage.
    pub(crate) length: i16,
}

/// The language of a document, told by its first passages.
pub(crate) fn language(passages: &[Passage]) -> StemLanguage {
    let mut sample = String::new();
    for passage in passages {
        if sample.len() >= LANGUAGE_SAMPLE {
            break;
        }
        sample.push_str(&passage.text);
        sample.push('\n');
    }
    StemLanguage::detect(&sample)
}

/// The postings of passages, ordered by passage and term.
pub(crate) fn postings(title: &str, language: StemLanguage, passages: &[Passage]) -> Vec<Posting> {
    let title = document_terms(title, language);
    let postings_of = |passage: &Passage| {
        let heading = passage.heading.as_deref().unwrap_or_default();
        let heading = document_terms(heading, language);
        let text = document_terms(&passage.text, language);
        let words = text.iter().chain(&heading);
        let length = words.filter(|term| TermKind::of_term(term) == TermKind::Word);
        let length = i16::try_from(length.count()).unwrap_or(i16::MAX);
        let mut frequencies: BTreeMap<String, i16> = BTreeMap::new();
        let weighted = [
            (text, 1),
            (heading, HEADING_WEIGHT),
            (title.clone(), TITLE_WEIGHT),
        ];
        for (terms, weight) in weighted {
            for term in terms {
                let frequency = frequencies.entry(term).or_default();
                *frequency = frequency.saturating_add(weight);
            }
        }
        let ordinal = passage.ordinal;
        frequencies
            .into_iter()
            .map(move |(term, frequency)| Posting {
                term,
                ordinal,
                frequency,
                length,
            })
    };
    passages.iter().flat_map(postings_of).collect()
}

/// The words of all passages, for the mean length.
pub(crate) fn term_count(postings: &[Posting]) -> i64 {
    let mut total = 0;
    let mut last = None;
    for posting in postings {
        if last != Some(posting.ordinal) {
            total += i64::from(posting.length);
            last = Some(posting.ordinal);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(ordinal: i32, heading: Option<&str>, text: &str) -> Passage {
        Passage {
            ordinal,
            heading: heading.map(str::to_owned),
            text: text.to_owned(),
            position: None,
        }
    }

    #[test]
    fn title_heading_and_text_count_for_every_passage() {
        let passages = [
            passage(0, Some("Plans > Circle"), "It costs 30 euros, 30 a month."),
            passage(1, None, "Nothing else."),
        ];
        let found = postings("Lisbon retreat", StemLanguage::English, &passages);
        let frequency = |term: &str, ordinal| {
            let of_passage = |p: &&Posting| p.term == term && p.ordinal == ordinal;
            found
                .iter()
                .find(of_passage)
                .map(|posting| posting.frequency)
        };
        assert_eq!(frequency("30", 0), Some(2));
        assert_eq!(frequency("circle", 0), Some(1));
        assert_eq!(frequency("lisbon", 0), Some(1));
        assert_eq!(frequency("lisbon", 1), Some(1));
        assert_eq!(frequency("circle", 1), None);
        assert_eq!(term_count(&found), 9 + 2);
    }
}
