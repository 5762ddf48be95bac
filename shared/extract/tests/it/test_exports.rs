//! Exports of note-taking programs: hierarchy, titles and links are kept.

use shared_document::{Block, Content, Position, ReadFailure, RowPosition, WarningCode};

use crate::zipped::{archive, failure, read, sample};

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
        ("Contract.docx", b"PK\x03\x04 cut off"),
        ("Locked.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("Empty.txt", b""),
        ("code.js", b"let x = 1"),
    ]);
    let (blocks, summary) = read(&bytes, "zip");
    assert_eq!(lines(&blocks), ["1 a", "Readable."]);
    let warned = summary
        .warnings
        .iter()
        .map(|warning| warning.position.clone());
    // No program reads the PDF here.
    let expected = ["b.txt", "Contract.docx", "Locked.xlsx", "slides.pdf"];
    let expected = expected.map(|path| Some(anchor(path)));
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

#[test]
fn documents_inside_are_read_with_their_positions_in_them() {
    let names = [
        "booking.docx",
        "bread.pptx",
        "rental.xlsx",
        "choir.odt",
        "bees.epub",
        "lecture.srt",
    ];
    let alone = names.map(|name| read(&sample(name), name.rsplit('.').next().unwrap()));
    let paths = names.map(|name| format!("Club/{name}"));
    let parts: Vec<(&str, Vec<u8>)> = paths
        .iter()
        .map(String::as_str)
        .zip(names.map(sample))
        .collect();
    let parts: Vec<(&str, &[u8])> = parts
        .iter()
        .map(|(path, bytes)| (*path, &**bytes))
        .collect();
    let (blocks, summary) = read(&archive(&parts), "zip");
    assert_eq!(summary.warnings, []);
    let inside = lines(&blocks);
    for (name, (own, _)) in names.iter().zip(alone) {
        let text = |block: &Block| match &block.content {
            // Below the title of the document.
            Content::Heading { text, .. } => text.clone(),
            other => format!("{other:?}"),
        };
        let kept: Vec<String> = blocks.iter().map(text).collect();
        for block in &own {
            assert!(
                kept.contains(&text(block)),
                "{name}: {block:?} of {inside:?}"
            );
        }
        let path = format!("Club/{name}");
        let belongs = |position: &Option<Position>| match position {
            Some(Position::Anchor(anchor)) => anchor.starts_with(&path),
            Some(Position::Row(row)) => row.sheet.as_ref().is_some_and(|it| it.starts_with(&path)),
            _ => false,
        };
        let found = blocks
            .iter()
            .filter(|block| belongs(&block.position))
            .count();
        assert!(found >= own.len(), "{name}: {found} of {}", own.len());
    }
    let slide = Some(anchor("Club/bread.pptx#slide=2"));
    assert!(
        blocks.iter().any(|block| block.position == slide),
        "{blocks:?}"
    );
}

#[test]
fn many_documents_that_grow_are_bounded_together() {
    // Each is within the bounds of one document; together they are beyond them.
    let filler = vec![b' '; 19 * 1024 * 1024];
    let content = b"<office><text:p>Choir on Monday.</text:p></office>";
    let large = archive(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("content.xml", content),
        ("Pictures/plan.bin", &filler),
    ]);
    let names: Vec<String> = (0..14).map(|number| format!("{number:02}.odt")).collect();
    let mut parts: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &*large)).collect();
    parts.push(("last.md", b"Still readable."));
    let (blocks, summary) = read(&archive(&parts), "zip");
    let texts = lines(&blocks);
    let read = texts
        .iter()
        .filter(|text| *text == "Choir on Monday.")
        .count();
    assert_eq!(read, 10, "200 MiB have room for ten");
    assert_eq!(summary.warnings.len(), 4);
    assert_eq!(summary.warnings[0].position, Some(anchor("10.odt")));
    assert_eq!(texts.last().unwrap(), "Still readable.");
}
