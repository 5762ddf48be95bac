//! Tests of splitting a text into passages.

use std::io::Write as _;

use shared_document::{Block, Content, RowPosition, Table};

use super::*;

const HANDBOOK: &str = include_str!("../../../../tests/it/handbook.md");

/// The lines that creator-hub stores of a text.
fn blocks(kind: TextKind, text: &str) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let extension = if kind == TextKind::Markdown {
        "md"
    } else {
        "txt"
    };
    let mut lines = Vec::new();
    // A text without content has no line.
    let _ = shared_extract::extract(&mut file, extension, None, &mut lines);
    lines
}

/// The passages of a text that arrives whole.
pub(crate) fn passages(kind: TextKind, text: &str, window: usize) -> Vec<Passage> {
    in_pieces(TextKind::Blocks, &blocks(kind, text), window, usize::MAX)
}

/// The passages of a document that arrives in pieces of that length.
fn in_pieces(kind: TextKind, text: &[u8], window: usize, length: usize) -> Vec<Passage> {
    let mut splitter = Splitter::new(kind, window);
    let mut found = Vec::new();
    for piece in text.chunks(length) {
        found.extend(splitter.push(piece).unwrap());
    }
    found.extend(splitter.finish().unwrap());
    found
}

#[test]
fn passages_are_the_same_wherever_the_pieces_end() {
    let long = HANDBOOK.replace(['\n', '#'], " ");
    let text = format!("Title\n===\n\n{HANDBOOK}\n\n```\n# code\n\nmore\n```\n\n{long}");
    let lines = blocks(TextKind::Markdown, &text);
    for (kind, bytes) in [
        (TextKind::Blocks, lines.as_slice()),
        (TextKind::Markdown, text.as_bytes()),
        (TextKind::Plain, text.as_bytes()),
    ] {
        let whole = in_pieces(kind, bytes, 256, usize::MAX);
        assert!(whole.len() > 20);
        for length in [1, 7, 100, 1000] {
            assert_eq!(in_pieces(kind, bytes, 256, length), whole, "{length}");
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
    let as_text = in_pieces(TextKind::Markdown, HANDBOOK.as_bytes(), 256, usize::MAX);
    assert_eq!(found, as_text, "a text of creator-hub 0.1 gives the same");
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
    assert_eq!(found[1].embedded_text("T", 256), "B\n\nshort three.");
}

#[test]
fn a_long_passage_is_embedded_without_its_heading() {
    let found = passages(TextKind::Markdown, HANDBOOK, 256);
    assert_eq!(found[1].embedded_text("T", 256), found[1].text);
}

#[test]
fn a_passage_without_headings_is_embedded_with_the_title() {
    let found = passages(TextKind::Plain, "Refunds take five days.", 256);
    assert_eq!(
        found[0].embedded_text("T", 256),
        "T\n\nRefunds take five days."
    );
}

#[test]
fn a_title_never_makes_a_passage_longer_than_the_context_window() {
    let text = "71 83 29 ".repeat(400);
    let title = "A very long title of a table with figures ".repeat(5);
    for window in [64, 256, 2048] {
        for passage in passages(TextKind::Plain, &text, window) {
            let embedded = passage.embedded_text(&title, window);
            assert!(tokens::estimate(&embedded) < window, "{embedded}");
            assert!(embedded.starts_with("A very"), "some of it has room");
        }
    }
}

#[test]
fn a_text_without_content_gives_no_passage() {
    for text in ["", " \n\n\t", "\u{1}"] {
        assert!(passages(TextKind::Markdown, text, 256).is_empty());
    }
}

/// The passages of these blocks.
fn of_blocks(contents: Vec<(Content, Option<Position>)>) -> Vec<Passage> {
    let mut lines = String::new();
    for (content, position) in contents {
        let line = Record::Block(Block::new(content, position));
        lines.push_str(&line.to_json().unwrap());
    }
    in_pieces(TextKind::Blocks, lines.as_bytes(), 256, usize::MAX)
}

#[test]
fn a_passage_never_reaches_over_to_another_page_or_minute() {
    let said = |text: &str, position| (Content::Paragraph(text.to_owned()), Some(position));
    let found = of_blocks(vec![
        said("Piano care.", Position::Page(1)),
        said("Tune it twice a year.", Position::Page(1)),
        said("Keep the room moist.", Position::Page(2)),
    ]);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].text, "Piano care.\n\nTune it twice a year.");
    assert_eq!(found[1].position, Some(Position::Page(2)));
    let found = of_blocks(vec![
        said("Welcome.", Position::Seconds(1)),
        said("Breathe in.", Position::Seconds(20)),
        said("Hold the pose.", Position::Seconds(65)),
    ]);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].position, Some(Position::Seconds(65)));
}

fn headings(found: &[Passage]) -> Vec<&str> {
    found
        .iter()
        .map(|passage| passage.heading.as_deref().unwrap_or_default())
        .collect()
}

#[test]
fn a_heading_alone_is_content_under_those_above_it() {
    let text = "# Questions\n\n## Do you give refunds? Yes.\n\n## Is there parking? Yes.\n\n\
        ## Food\n\nBread.\n\n## A dog? Only on Tuesdays.";
    let found = passages(TextKind::Markdown, text, 256);
    let texts: Vec<&str> = found.iter().map(|passage| passage.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Do you give refunds? Yes.",
            "Is there parking? Yes.",
            "Bread.",
            "A dog? Only on Tuesdays."
        ]
    );
    assert_eq!(
        headings(&found),
        ["Questions", "Questions", "Questions > Food", "Questions"]
    );
    let alone = passages(TextKind::Markdown, "# Title", 256);
    assert_eq!(
        (alone[0].text.as_str(), alone[0].heading.as_deref()),
        ("Title", None)
    );
}

#[test]
fn of_a_long_path_the_innermost_heading_stays() {
    let long = "all that people have asked over nine years ".repeat(8);
    let text = format!("# {long}\n\n## Rules\n\n### Cancellation deadline\n\nTwo days.");
    let found = passages(TextKind::Markdown, &text, 256);
    let path = found.last().unwrap().heading.clone().unwrap();
    assert!(
        path.ends_with("… > Rules > Cancellation deadline"),
        "{path}"
    );
    assert!(path.chars().count() <= 300);
    // What does not fit into the path is text.
    let found = passages(
        TextKind::Markdown,
        &format!("{long}quetzalcoatl\n---\n"),
        256,
    );
    assert!(
        found
            .iter()
            .any(|passage| passage.text.contains("quetzalcoatl"))
    );
}

#[test]
fn each_passage_of_a_table_has_its_header_and_its_row() {
    let header: Vec<String> = ["Village", "Weekday euros", "Driver"]
        .map(str::to_owned)
        .into();
    let row = |n: u32| {
        vec![
            format!("Place{n}"),
            n.to_string(),
            "Somebody kind".to_owned(),
        ]
    };
    let part = |from, to| {
        let rows = (from..to).map(row).collect();
        let table = Table {
            header: header.clone(),
            rows,
        };
        let start = RowPosition {
            sheet: Some("Taxi".to_owned()),
            row: from + 2,
        };
        (Content::Table(table), Some(Position::Row(start)))
    };
    let intro = (Content::Paragraph("What a taxi costs.".to_owned()), None);
    let found = of_blocks(vec![intro, part(0, 50), part(50, 80)]);
    assert!(found.len() > 3);
    assert!(
        found[0]
            .text
            .starts_with("What a taxi costs.\n\nVillage | Weekday euros | Driver\n")
    );
    for passage in &found[1..] {
        assert!(
            passage
                .text
                .starts_with("Village | Weekday euros | Driver\nPlace")
        );
        let first = passage.text.lines().nth(1).unwrap();
        let number: u32 = first["Place".len()..]
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let sheet = Some("Taxi".to_owned());
        let row = number + 2;
        assert_eq!(
            passage.position,
            Some(Position::Row(RowPosition { sheet, row }))
        );
    }
    let rows = found
        .iter()
        .map(|passage| passage.text.matches("Somebody").count());
    assert_eq!(rows.sum::<usize>(), 80, "no row is lost or doubled");
}

#[test]
fn a_row_that_is_longer_than_a_passage_is_cut_below_the_header() {
    let table = Table {
        header: vec!["Question".to_owned(), "Answer".to_owned()],
        rows: vec![vec![
            "Why?".to_owned(),
            "Because it rains a lot here. ".repeat(90),
        ]],
    };
    let found = of_blocks(vec![(Content::Table(table), None)]);
    assert!(found.len() > 2);
    assert!(
        found
            .iter()
            .all(|passage| passage.text.starts_with("Question | Answer\n"))
    );
    assert!(
        found
            .iter()
            .all(|passage| passage.text.chars().count() <= MAX_CHARACTERS)
    );
}

#[test]
fn a_list_stays_with_the_paragraph_that_introduces_it() {
    let long = "Something that is said before at length. ".repeat(10);
    let items: Vec<String> = (0..40)
        .map(|n| format!("- thing number {n} to bring"))
        .collect();
    let found = of_blocks(vec![
        (Content::Paragraph(long), None),
        (Content::Paragraph("Bring with you:".to_owned()), None),
        (Content::List(items), None),
    ]);
    let lists: Vec<&Passage> = found
        .iter()
        .filter(|passage| passage.text.contains("- thing"))
        .collect();
    assert!(lists.len() > 1);
    assert!(
        lists
            .iter()
            .all(|passage| passage.text.starts_with("Bring with you:"))
    );
    let short = of_blocks(vec![
        (
            Content::Paragraph("A paragraph of some length. ".repeat(8)),
            None,
        ),
        (
            Content::List(vec!["- one".to_owned(), "- two".to_owned()]),
            None,
        ),
    ]);
    assert_eq!(short.len(), 1);
}

#[test]
fn code_is_cut_between_lines() {
    let code: Vec<String> = (0..80)
        .map(|n| format!("let value_{n} = compute({n});"))
        .collect();
    let found = of_blocks(vec![(Content::Code(code.join("\n")), None)]);
    assert!(found.len() > 1);
    let lines: Vec<&str> = found
        .iter()
        .flat_map(|passage| passage.text.lines())
        .collect();
    assert_eq!(lines, code);
}

#[test]
fn a_line_that_is_no_block_is_an_error() {
    let mut splitter = Splitter::new(TextKind::Blocks, 256);
    assert!(splitter.push(b"{\"block\":1}\n").is_err());
    let mut splitter = Splitter::new(TextKind::Blocks, 256);
    assert!(
        splitter
            .push(b"{\"summary\":{\"blocks\":0}}\n")
            .unwrap()
            .is_empty()
    );
}
