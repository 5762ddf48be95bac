//! Tests of pages.

use shared_document::{Content, Position, ReadFailure, Table};

use crate::testing::{blocks, failure, summary};

fn contents(page: &str) -> Vec<Content> {
    blocks(page.as_bytes(), "html")
        .into_iter()
        .map(|block| block.content)
        .collect()
}

fn paragraph(text: &str) -> Content {
    Content::Paragraph(text.to_owned())
}

#[test]
fn a_page_keeps_headings_lists_tables_and_code() {
    let page = "<!doctype html><html><head><title>Evening</title><style>p{}</style></head><body>\
        <h1 id=top>The <em>evening</em></h1><p>Dim   the\nlights.<br>Then sleep.</p>\
        <ul><li>one<ol start=3><li>inner</ol><li><p>two</p></ul>\
        <table><caption>Prices</caption><tr><th>Village<th>Euros</tr><tr><td>Oak<td>40</table>\
        <pre>let x = 1;\n  let y;</pre><script>alert(1)</script><p hidden>secret</p>\
        <a href=https://example.org/map>the map</a></body></html>";
    let cells = |row: &[&str]| {
        row.iter()
            .map(|cell| (*cell).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        contents(page),
        [
            Content::Heading {
                level: 1,
                text: "The evening".to_owned()
            },
            paragraph("Dim the lights.\nThen sleep."),
            Content::List(cells(&["- one", "  3. inner", "- two"])),
            Content::Caption("Prices".to_owned()),
            Content::Table(Table {
                header: cells(&["Village", "Euros"]),
                rows: vec![cells(&["Oak", "40"])],
            }),
            Content::Code("let x = 1;\n  let y;".to_owned()),
            paragraph("the map (https://example.org/map)"),
        ]
    );
    let found = blocks(page.as_bytes(), "html");
    assert_eq!(found[0].position, Some(Position::Anchor("top".to_owned())));
    assert_eq!(
        summary(page.as_bytes(), "html").title.as_deref(),
        Some("Evening")
    );
}

#[test]
fn the_article_is_read_without_what_surrounds_it_and_nothing_else_is_lost() {
    let text =
        "A steady evening makes the next morning easier, people say, and most agree. ".repeat(8);
    let article = format!(
        "<html><body><nav><a href=/a>Home</a> <a href=/b>Shop</a></nav><main><article>\
         <h1>Evening</h1><p>{text}</p><p>{text}</p></article></main>\
         <footer>Imprint</footer></body></html>"
    );
    let found = format!("{:?}", contents(&article));
    assert!(
        found.contains("steady evening") && !found.contains("Shop"),
        "{found}"
    );
    let list =
        "<html><body><div>Open on Monday</div><div>Closed on Tuesday</div><p>Call 555</p></body>";
    assert_eq!(
        contents(list),
        [
            paragraph("Open on Monday"),
            paragraph("Closed on Tuesday"),
            paragraph("Call 555")
        ]
    );
}

#[test]
fn the_declared_encoding_is_obeyed() {
    let (page, _, _) = encoding_rs::WINDOWS_1251
        .encode("<html><head><meta charset=windows-1251></head><body><p>Дышите медленно</p>");
    let found = blocks(&page, "html");
    assert_eq!(found[0].content, paragraph("Дышите медленно"));
    let wrong = "<html><meta charset=utf-16><p>Grüße</p>";
    assert_eq!(contents(wrong), [paragraph("Grüße")]);
}

#[test]
fn a_page_that_is_too_deep_or_has_only_pictures_says_so() {
    let deep = format!("<html><body>{}x", "<div>".repeat(5000));
    assert_eq!(failure(deep.as_bytes(), "html"), ReadFailure::TooDeep);
    let scan = "<html><body><img src=a.png></body></html>";
    assert_eq!(failure(scan.as_bytes(), "html"), ReadFailure::NoText);
    let empty = "<html><body></body></html>";
    assert_eq!(
        failure(empty.as_bytes(), "html"),
        ReadFailure::EmptyDocument
    );
}
