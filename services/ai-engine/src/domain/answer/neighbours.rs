//! Passages that were cut out of the middle of a thought: what stands before or behind them in the
//! document is needed to answer.

use shared_ai_client::{Source, SourceKind};
use shared_models::DocumentId;

use super::extractive;

/// The passages that are completed: the others add little to an answer.
const COMPLETED: usize = 2;

/// A passage, by its place in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) document: DocumentId,
    pub(crate) ordinal: i32,
}

/// The neighbours that the best passages need to be understood and that were not found.
pub(crate) fn missing<'s>(found: impl Iterator<Item = &'s Source>) -> Vec<Place> {
    let found: Vec<&Source> = found.collect();
    let is_found = |place: &Place| {
        let mut same = found
            .iter()
            .filter(|source| source.document_id == place.document);
        same.any(|source| source.ordinal == place.ordinal)
    };
    let documents = found
        .iter()
        .filter(|source| source.kind == SourceKind::Document);
    let mut missing = Vec::new();
    for source in documents.take(COMPLETED) {
        for place in needed(source) {
            if !is_found(&place) && !missing.contains(&place) {
                missing.push(place);
            }
        }
    }
    missing
}

/// Whether one passage was cut where the other one begins or ends.
pub(crate) fn needs(source: &Source, other: &Source) -> bool {
    other.kind == SourceKind::Document
        && needed(source)
            .any(|place| (place.document, place.ordinal) == (other.document_id, other.ordinal))
}

/// What stands behind and before a passage, where it was cut in the middle of a thought.
fn needed(source: &Source) -> impl Iterator<Item = Place> {
    let at = |ordinal| Place {
        document: source.document_id,
        ordinal,
    };
    let is_document = source.kind == SourceKind::Document;
    let behind = is_document && ends_open(&source.text);
    let before = is_document && source.ordinal > 0 && begins_open(&source.text);
    let behind = behind.then(|| at(source.ordinal.saturating_add(1)));
    let before = before.then(|| at(source.ordinal - 1));
    behind.into_iter().chain(before)
}

/// Whether a text ends with a question, which the next passage answers, or in the middle of a
/// sentence.
fn ends_open(text: &str) -> bool {
    let text = text.trim_end_matches([' ', '\n', '*', '_', '"', '”', '»']);
    text.ends_with(['?', '？', ':', '：', ',', ';'])
}

/// Whether a text begins with a pronoun, or in the middle of a sentence.
fn begins_open(text: &str) -> bool {
    let begins_small = text
        .trim_start()
        .chars()
        .next()
        .is_some_and(char::is_lowercase);
    begins_small || extractive::begins_with_pronoun(text)
}

#[cfg(test)]
mod tests {
    use shared_models::{ChunkId, Visibility};

    use super::*;

    fn source(document: DocumentId, ordinal: i32, text: &str) -> Source {
        Source {
            number: 1,
            kind: SourceKind::Document,
            document_id: document,
            title: "Handbook".to_owned(),
            visibility: Visibility::default(),
            chunk_id: ChunkId::new(),
            ordinal,
            heading: None,
            position: None,
            text: text.to_owned(),
            score: 1.0,
        }
    }

    #[test]
    fn a_passage_that_is_cut_needs_its_neighbour_and_a_whole_one_does_not() {
        let document = DocumentId::new();
        let at = |ordinal| Place { document, ordinal };
        for (text, expected) in [
            ("How cold should it be?", vec![at(4)]),
            ("Take these with you:", vec![at(4)]),
            ("It lasts eight weeks.", vec![at(2)]),
            ("and at night, too.", vec![at(2)]),
            ("They ask: why?", vec![at(4), at(2)]),
            ("The course lasts eight weeks.", vec![]),
            ("- one\n- two", vec![]),
        ] {
            let found = [source(document, 3, text)];
            assert_eq!(missing(found.iter()), expected, "{text}");
        }
        let first = [source(document, 0, "It lasts eight weeks.")];
        assert_eq!(missing(first.iter()), [], "nothing is before the first");
    }

    #[test]
    fn what_was_found_is_not_missing_and_only_the_best_are_completed() {
        let (document, other) = (DocumentId::new(), DocumentId::new());
        let found = [
            source(document, 3, "How cold should it be?"),
            source(document, 4, "The answer: 18 degrees."),
        ];
        assert_eq!(missing(found.iter()), []);
        assert!(needs(&found[0], &found[1]) && !needs(&found[1], &found[0]));
        let found = [
            source(document, 3, "Whole."),
            source(other, 1, "Whole, too."),
            source(document, 9, "How cold should it be?"),
        ];
        assert_eq!(missing(found.iter()), []);
        let mut pair = source(document, 0, "How cold should it be?");
        pair.kind = SourceKind::QaPair;
        assert_eq!(missing([pair].iter()), []);
    }
}
