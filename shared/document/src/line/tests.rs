//! Tests of the wire form: both directions agree, and no line is too long.

use proptest::prelude::*;

use super::*;
use crate::{RowPosition, Warning, WarningCode};

fn position() -> impl Strategy<Value = Option<Position>> {
    prop_oneof![
        Just(None),
        any::<u32>().prop_map(|page| Some(Position::Page(page))),
        (proptest::option::of(".{0,40}"), any::<u32>())
            .prop_map(|(sheet, row)| Some(Position::Row(RowPosition { sheet, row }))),
        ".{0,40}".prop_map(|anchor| Some(Position::Anchor(anchor))),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let cells = || proptest::collection::vec("[a-z \"\\\\é静]{0,400}", 0..6);
    prop_oneof![
        (1..7_u8, "\\PC{0,300}").prop_map(|(level, text)| Content::Heading { level, text }),
        "\\PC{0,300}".prop_map(Content::Paragraph),
        cells().prop_map(Content::List),
        (cells(), proptest::collection::vec(cells(), 0..60))
            .prop_map(|(header, rows)| Content::Table(Table { header, rows })),
        "\\PC{0,300}".prop_map(Content::Code),
        "\\PC{0,300}".prop_map(Content::Caption),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(content in content(), position in position()) {
        for block in pieces(Block::new(content, position)) {
            let line = Record::Block(block);
            let json = line.to_json().unwrap();
            prop_assert_eq!(Record::parse(json.trim_end().as_bytes()).unwrap(), line);
        }
    }
}

fn longest(block: Block) -> usize {
    let lines = pieces(block).into_iter().map(Record::Block);
    lines
        .map(|line| line.to_json().unwrap().len())
        .max()
        .unwrap_or(0)
}

#[test]
fn whatever_is_long_is_cut_into_lines_that_fit() {
    for text in [
        "\"quoted\\ ".repeat(40_000),
        "静".repeat(100_000),
        "x".repeat(300_000),
    ] {
        let cells = vec![text.clone(), text.clone()];
        for content in [
            Content::Paragraph(text.clone()),
            Content::Code(text.clone()),
            Content::Heading {
                level: 1,
                text: text.clone(),
            },
            Content::List(cells.clone()),
            Content::List(vec!["- x".to_owned(); 100_000]),
            Content::Table(Table {
                header: cells.clone(),
                rows: vec![cells.clone(); 3],
            }),
            Content::Table(Table {
                header: vec!["a".repeat(3000); 500],
                rows: vec![vec![]; 9],
            }),
            Content::Table(Table {
                header: vec![],
                rows: vec![vec![String::new(); 50_000]],
            }),
        ] {
            assert!(longest(Block::new(content, None)) <= MAX_LINE + 1);
        }
    }
}

#[test]
fn a_long_table_repeats_its_header_and_counts_its_rows() {
    let row = |n: u32| vec![format!("Place{n}"), "x".repeat(900)];
    let table = Table {
        header: vec!["Village".to_owned(), "Text".to_owned()],
        rows: (0..60).map(row).collect(),
    };
    let start = Position::Row(RowPosition {
        sheet: None,
        row: 2,
    });
    let found = pieces(Block::new(Content::Table(table.clone()), Some(start)));
    assert!(found.len() > 3);
    let (mut rows, mut expected) = (Vec::new(), 2);
    for block in found {
        let Content::Table(part) = block.content else {
            panic!("no table")
        };
        assert_eq!(part.header, table.header);
        assert_eq!(
            block.position,
            Some(Position::Row(RowPosition {
                sheet: None,
                row: expected
            }))
        );
        expected += u32::try_from(part.rows.len()).unwrap();
        rows.extend(part.rows);
    }
    assert_eq!(rows, table.rows);
}

#[test]
fn cutting_loses_no_word() {
    let text: Vec<String> = (0..30_000).map(|n| format!("word{n}")).collect();
    let found = pieces(Block::new(Content::Paragraph(text.join(" ")), None));
    let mut words = Vec::new();
    for block in found {
        let Content::Paragraph(part) = block.content else {
            panic!("no paragraph")
        };
        words.extend(
            part.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(words, text);
}

#[test]
fn a_summary_and_a_failure_are_lines_too() {
    let summary = Record::Summary(Summary {
        title: Some("Evening".to_owned()),
        warnings: vec![Warning {
            code: WarningCode::PageWithoutText,
            language: None,
            position: Some(Position::Page(7)),
        }],
        blocks: 3,
        ..Summary::default()
    });
    let expected = concat!(
        r#"{"summary":{"title":"Evening","warnings":[{"code":"page_without_text","#,
        r#""position":{"page":7}}],"blocks":3}}"#
    );
    let json = summary.to_json().unwrap();
    assert_eq!(json.trim_end(), expected);
    assert_eq!(Record::parse(expected.as_bytes()).unwrap(), summary);
    let failure = Record::Failure(ReadFailure::Encrypted);
    assert_eq!(failure.to_json().unwrap(), "{\"failure\":\"encrypted\"}\n");
    assert!(matches!(Record::parse(b"{}"), Err(BadLine::Malformed(_))));
    assert!(matches!(
        Record::parse(&vec![b'x'; MAX_LINE + 1]),
        Err(BadLine::TooLong)
    ));
}
