//! Tests of splitting a text into passages.

use super::*;

const HANDBOOK: &str = include_str!("../../../../tests/it/handbook.md");

/// The passages of a text that arrives whole.
pub(crate) fn passages(kind: TextKind, text: &str, window: usize) -> Vec<Passage> {
    in_pieces(kind, text, window, usize::MAX)
}

/// The passages of a text that arrives in pieces of that length.
fn in_pieces(kind: TextKind, text: &str, window: usize, length: usize) -> Vec<Passage> {
    let mut splitter = Splitter::new(kind, window);
    let mut found = Vec::new();
    for piece in text.as_bytes().chunks(length) {
        found.extend(splitter.push(piece));
    }
    found.extend(splitter.finish());
    found
}

#[test]
fn passages_are_the_same_wherever_the_pieces_end() {
    let long = HANDBOOK.replace(['\n', '#'], " ");
    let text = format!("Title\n===\n\n{HANDBOOK}\n\n```\n# code\n\nmore\n```\n\n{long}");
    for kind in [TextKind::Markdown, TextKind::Plain] {
        let whole = passages(kind, &text, 256);
        for length in [1, 7, 100, 1000] {
            assert_eq!(in_pieces(kind, &text, 256, length), whole, "{length}");
        }
    }
}

#[test]
fn every_paragraph_of_the_handbook_becomes_one_passage() {
    let found = passages(TextKind::Markdown, HANDBOOK, 256);
    assert_eq!(found.len(), 23);
    let boxed = found
        .iter()
        .find(|passage| passage.text.starts_with("Box breathing"))
        .unwrap();
    assert_eq!(
        boxed.heading.as_deref(),
        Some("The Quiet Morning Handbook > Breathing and stress")
    );
    assert!(HANDBOOK.contains(&boxed.text), "the text is unchanged");
    let ordinals: Vec<i32> = found.iter().map(|passage| passage.ordinal).collect();
    assert_eq!(ordinals, (0..23).collect::<Vec<_>>());
}

#[test]
fn no_passage_exceeds_either_limit() {
    let long = HANDBOOK.replace(['\n', '#'], " ").repeat(20);
    let hostile = "x".repeat(40_000) + &"静".repeat(5_000) + &"1234567890".repeat(500);
    for (text, kind) in [
        (&long, TextKind::Markdown),
        (&long, TextKind::Plain),
        (&hostile, TextKind::Plain),
    ] {
        let found = passages(kind, text, 256);
        assert!(found.len() > 10);
        for passage in found {
            assert!(passage.text.chars().count() <= MAX_CHARACTERS);
            let estimate = tokens::estimate(&passage.text);
            assert!(
                estimate <= 256 - RESERVED_TOKENS,
                "{estimate}: {}",
                passage.text
            );
            assert!(!passage.text.trim().is_empty());
        }
    }
}

#[test]
fn a_long_paragraph_is_split_between_sentences_with_overlap() {
    let sentence = |n: usize| format!("This is sentence number {n} of a long story about rest.");
    let text: Vec<String> = (0..60).map(sentence).collect();
    let found = passages(TextKind::Plain, &text.join(" "), 256);
    assert!(found.len() >= 4);
    for pair in found.windows(2) {
        assert!(pair[0].text.ends_with('.'), "{}", pair[0].text);
        let first = pair[1].text.split_inclusive('.').next().unwrap();
        assert!(pair[0].text.contains(first), "no overlap: {first}");
    }
}

#[test]
fn short_paragraphs_are_joined_but_never_across_a_heading() {
    let text = "# A\n\nshort one.\n\nshort two.\n\n# B\n\nshort three.";
    let found = passages(TextKind::Markdown, text, 256);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].text, "short one.\n\nshort two.");
    assert_eq!(found[1].embedded_text(), "B\n\nshort three.");
}

#[test]
fn a_long_passage_is_embedded_without_its_heading() {
    let found = passages(TextKind::Markdown, HANDBOOK, 256);
    assert_eq!(found[1].embedded_text(), found[1].text);
}

#[test]
fn a_text_without_content_gives_no_passage() {
    for text in ["", " \n\n\t", "\u{0}\u{1}", "# Title"] {
        assert!(passages(TextKind::Markdown, text, 256).is_empty());
    }
}
