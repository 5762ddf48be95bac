//! Tests of Markdown, most of them faults that were reported of other readers.

use shared_document::{Block, Content, Table};

use crate::testing::{blocks, summary};

fn paragraph(text: &str) -> Content {
    Content::Paragraph(text.to_owned())
}

fn heading(level: u8, text: &str) -> Content {
    Content::Heading {
        level,
        text: text.to_owned(),
    }
}

fn contents(text: &str) -> Vec<Content> {
    blocks(text.as_bytes(), "md")
        .into_iter()
        .map(|Block { content, .. }| content)
        .collect()
}

#[test]
fn headings_of_all_forms_are_headings() {
    let text = "Title\n=====\n\n## The key of F#\n\n##\tPedal\n\n   ### Three blanks ###\n\n#tag\n";
    assert_eq!(
        contents(text),
        [
            heading(1, "Title"),
            heading(2, "The key of F#"),
            heading(2, "Pedal"),
            heading(3, "Three blanks"),
            paragraph("#tag"),
        ]
    );
    assert_eq!(contents("# Learn C#"), [heading(1, "Learn C#")]);
}

#[test]
fn a_fence_neither_swallows_nor_invents_headings() {
    for fence in [
        "```box --start``` is what you type.",
        "````markdown\n```\n# not a heading\n```\n````",
        "~~~\n# not a heading\n```\n~~~",
        "```sh\n# not a heading\n```",
    ] {
        let found = contents(&format!("# Notes\n\n{fence}\n\n## Refunds\n\nMoney."));
        assert_eq!(found.len(), 4, "{fence}: {found:?}");
        assert_eq!(found[2], heading(2, "Refunds"), "{fence}");
        assert_eq!(found[3], paragraph("Money."), "{fence}");
    }
}

#[test]
fn front_matter_gives_the_title_and_nothing_else() {
    let yaml = "---\ntitle: Evening routine\ntags: [sleep]\nlist:\n  - a\n---\n\nDim the lights.\n";
    let toml = "+++\ntitle = \"Evening routine\"\n+++\nDim the lights.\n";
    for text in [
        yaml,
        toml,
        &yaml.replace('\n', "\r\n"),
        &format!("\u{feff}{yaml}"),
    ] {
        assert_eq!(contents(text), [paragraph("Dim the lights.")], "{text}");
        assert_eq!(
            summary(text.as_bytes(), "md").title.as_deref(),
            Some("Evening routine")
        );
    }
    let rules = "---\nA text between two rules, not keys.\n\n---\nMore.\n";
    assert!(
        contents(rules)
            .iter()
            .any(|found| format!("{found:?}").contains("between two"))
    );
    let open = "---\ntitle: never closed\n\nText.\n";
    assert!(contents(open).contains(&paragraph("Text.")));
}

#[test]
fn tables_lists_links_and_notes_keep_their_form() {
    let text = "Prices:\n\n| Village | Euros |\n|---|---:|\n| Oak **Hill** | 40 |\n| Mill | |\n\n\
        1. one\n2. two\n   - inner `code`\n\n   more of two\n\n\
        See [the map](https://example.org/map), \
        <https://example.org> and [us](mailto:a@b.example).[^1]\n\n[^1]: A note.\n";
    let found = contents(text);
    let cells = |row: &[&str]| {
        row.iter()
            .map(|cell| (*cell).to_owned())
            .collect::<Vec<_>>()
    };
    let rows = vec![cells(&["Oak Hill", "40"]), cells(&["Mill"])];
    let header = cells(&["Village", "Euros"]);
    assert_eq!(found[1], Content::Table(Table { header, rows }));
    let items = cells(&["1. one", "2. two\nmore of two", "  - inner code"]);
    assert_eq!(found[2], Content::List(items));
    let links =
        "See the map (https://example.org/map), https://example.org and us (a@b.example).[^1]";
    assert_eq!(found[3], paragraph(links));
    assert_eq!(found[4], paragraph("[^1]: A note."));
}

#[test]
fn pictures_as_base64_are_dropped_and_html_is_read() {
    let data = "iVBORw0KGgoAAAANSUhEUgAA".repeat(5000);
    let text = format!(
        "# Sea\n\n![a wave][image1]\n\n<div><p>A page &amp; more</p></div>\n\n\
         <br>\n\nline<br/>break\n\n\
         [image1]: <data:image/png;base64,{data}>\n"
    );
    assert_eq!(
        contents(&text),
        [
            heading(1, "Sea"),
            paragraph("a wave"),
            paragraph("A page & more"),
            paragraph("line\nbreak"),
        ]
    );
}

#[test]
fn numbers_in_brackets_are_text() {
    let text = "A nap helps until the evening [3]. Longer ones do not [12].";
    assert_eq!(contents(text), [paragraph(text)]);
}

#[test]
fn a_large_text_is_the_same_in_segments() {
    let section = |n: u32| {
        format!(
            "## Section {n}\n\n{}\n\n```\n# code {n}\n```\n\n",
            "Word ".repeat(3000)
        )
    };
    let text: String = (0..200).map(section).collect();
    assert!(text.len() > 2 * super::MIN_SEGMENT);
    let found = contents(&text);
    let headings = found
        .iter()
        .filter(|content| matches!(content, Content::Heading { .. }));
    assert_eq!(headings.count(), 200);
    let code = found
        .iter()
        .filter(|content| matches!(content, Content::Code(_)));
    assert_eq!(code.count(), 200);
}
