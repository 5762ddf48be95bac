//! Exports of note-taking programs: hierarchy, titles and links are kept.

use shared_document::{Block, Content, Position, ReadFailure, RowPosition, WarningCode};

use crate::zipped::{archive, failure, read};

/// Each block as text, headings with their level.
fn lines(blocks: &[Block]) -> Vec<String> {
    let line = |block: &Block| match &block.content {
        Content::Heading { level, text } => format!("{level} {text}"),
        Content::Paragraph(text) => text.clone(),
        Content::List(items) => items.join("|"),
        Content::Table(table) => format!("{:?} {:?}", table.header, table.rows),
        other => format!("{other:?}"),
    };
    blocks.iter().map(line).collect()
}

fn anchor(text: &str) -> Position {
    Position::Anchor(text.to_owned())
}

#[test]
fn a_vault_keeps_its_folders_titles_and_links() {
    let bytes = archive(&[
        ("Vault/.obsidian/app.json", b"{}"),
        (
            "Vault/Recovery/Sleep.md",
            b"See [[Naps|short sleep]] and [[Food]].\n\n# Light\n\nDim it.",
        ),
        (
            "Vault/Recovery/Naps.md",
            b"---\ntitle: Short naps\n---\nTwenty minutes.",
        ),
        (
            "Vault/Start.md",
            b"# Start\n\nRead [the guide](https://example.com/guide).",
        ),
        ("Vault/Empty/Nothing.md", b"\n"),
        ("Vault/Recovery/bed.png", b"\x89PNG"),
        ("__MACOSX/Vault/._Start.md", b"junk"),
    ]);
    let (blocks, summary) = read(&bytes, "zip");
    assert_eq!(
        lines(&blocks),
        [
            "1 Recovery",
            "2 Short naps",
            "Twenty minutes.",
            "2 Sleep",
            "See short sleep and Food.",
            "3 Light",
            "Dim it.",
            "1 Start",
            "Read the guide (https://example.com/guide).",
        ]
    );
    assert_eq!(summary.title.as_deref(), Some("Vault"));
    assert_eq!(summary.warnings, []);
    assert_eq!(blocks[2].position, Some(anchor("Vault/Recovery/Naps.md")));
}

#[test]
fn notion_pages_lose_their_ids_and_stand_before_what_is_below_them() {
    let id = "0123456789abcdef0123456789abcdef";
    let names = [
        format!("Handbook {id}/Holidays {id}.md"),
        format!("Handbook {id}.md"),
        format!("Handbook {id}/Prices {id}.csv"),
        format!("Handbook {id}/Prices {id}_all.csv"),
    ];
    let bytes = archive(&[
        (&names[0], b"# Holidays\n\nThirty days."),
        (&names[1], b"# Handbook\n\nWelcome."),
        (&names[2], b"Plan,Euros\nGold,10\n"),
        (&names[3], b"Plan,Euros\nGold,10\nSilver,5\n"),
    ]);
    let (blocks, _) = read(&bytes, "zip");
    assert_eq!(
        lines(&blocks),
        [
            "1 Handbook",
            "Welcome.",
            "2 Holidays",
            "Thirty days.",
            "2 Prices",
            r#"["Plan", "Euros"] [["Gold", "10"], ["Silver", "5"]]"#,
        ]
    );
    let row = RowPosition {
        sheet: Some(names[3].clone()),
        row: 2,
    };
    assert_eq!(blocks[5].position, Some(Position::Row(row)));
}

#[test]
fn archives_within_an_archive_are_opened_once() {
    let page = archive(&[("Notes/Tea.md", b"Steep it for three minutes.")]);
    let deep = archive(&[("more.zip", &page), ("Coffee.md", b"Grind it fresh.")]);
    let bytes = archive(&[("Export-Part-1.zip", &page), ("Export-Part-2.zip", &deep)]);
    let (blocks, summary) = read(&bytes, "zip");
    let expected = [
        "1 Tea",
        "Steep it for three minutes.",
        "1 Coffee",
        "Grind it fresh.",
    ];
    assert_eq!(lines(&blocks), expected);
    assert_eq!(summary.warnings.len(), 1);
    assert_eq!(summary.warnings[0].code, WarningCode::PartSkipped);
    assert_eq!(summary.warnings[0].position, Some(anchor("more.zip")));
}

#[test]
fn a_document_made_as_a_page_with_pictures_is_read() {
    let page = b"<html><head><title>Travel plan</title></head><body><h1>Travel plan</h1>\
        <h2 id=\"day\">First day</h2><p>Meet at the <a href=\"https://example.com\">station</a> at \
        nine o'clock and bring water.</p></body></html>";
    let bytes = archive(&[("TravelPlan.html", page), ("images/image1.png", b"\x89PNG")]);
    let (blocks, summary) = read(&bytes, "zip");
    let read = lines(&blocks);
    assert_eq!(read[0], "1 Travel plan");
    assert_eq!(read[1], "3 First day");
    assert!(
        read[2].contains("station (https://example.com)"),
        "{read:?}"
    );
    assert_eq!(blocks[1].position, Some(anchor("TravelPlan.html#day")));
    assert_eq!(summary.warnings, []);
}

#[test]
fn what_cannot_be_read_inside_is_named_and_keeps_nothing_else_from_being_read() {
    let bytes = archive(&[
        ("a.md", b"Readable."),
        ("b.txt", b"\0\x01\x02\x03binary\0"),
        ("slides.pdf", b"%PDF-1.7"),
        ("Contract.docx", b"PK"),
        ("code.js", b"let x = 1"),
    ]);
    let (blocks, summary) = read(&bytes, "zip");
    assert_eq!(lines(&blocks), ["1 a", "Readable."]);
    let warned = summary
        .warnings
        .iter()
        .map(|warning| warning.position.clone());
    let expected = ["Contract.docx", "slides.pdf", "b.txt"].map(|path| Some(anchor(path)));
    assert_eq!(warned.collect::<Vec<_>>(), expected);
}

#[test]
fn an_archive_that_attacks_or_has_no_pages_is_refused() {
    let outside = archive(&[("../../etc/passwd.md", b"# x")]);
    assert_eq!(failure(&outside, "zip"), ReadFailure::Damaged);
    let inner = archive(&[("../evil.md", b"# x")]);
    let inner = archive(&[("part.zip", &inner)]);
    assert_eq!(failure(&inner, "zip"), ReadFailure::Damaged);
    let bomb = archive(&[("zeros.md", &vec![b' '; 30 * 1024 * 1024])]);
    assert_eq!(failure(&bomb, "zip"), ReadFailure::TooLargeInflated);
    let pictures = archive(&[("a.png", b"\x89PNG"), ("b.js", b"x")]);
    assert_eq!(failure(&pictures, "zip"), ReadFailure::EmptyDocument);
    // By another name it is not an export.
    let notes = archive(&[("a.md", b"# x")]);
    assert_eq!(failure(&notes, "docx"), ReadFailure::Unsupported);
}
