//! Office documents, e-books, and archives that attack.

use shared_document::{Block, Content, Position, ReadFailure, RowPosition, Table, WarningCode};

use crate::zipped::{archive, failure, read};

const WORD: &str = r#"<?xml version="1.0"?><w:document
  xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>
  <w:p><w:pPr><w:outlineLvl w:val="0"/><w:pStyle w:val="Heading1"/></w:pPr>
    <w:r><w:t>Evening</w:t></w:r></w:p>
  <w:p><w:r><w:t>Dim the lights.</w:t></w:r></w:p>
  <w:tbl><w:tr><w:tc><w:p><w:r><w:t>Village</w:t></w:r></w:p></w:tc>
    <w:tc><w:p><w:r><w:t>Euros</w:t></w:r></w:p></w:tc></w:tr>
  <w:tr><w:tc><w:p><w:r><w:t>Oak</w:t></w:r></w:p></w:tc>
    <w:tc><w:p><w:r><w:t>40</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:body></w:document>"#;

const STYLES: &str = r#"<?xml version="1.0"?><w:styles
  xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">
  <w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/>
  <w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style></w:styles>"#;

fn relations(kind: &str, target: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><Relationships
        xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1"
        Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"
        Target="{target}"/></Relationships>"#
    )
}

const TYPES: &str = r#"<?xml version="1.0"?><Types
  xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml"
  ContentType="application/xml"/></Types>"#;

fn word_document(body: &str) -> Vec<u8> {
    let root = relations("officeDocument", "word/document.xml");
    let styles = relations("styles", "styles.xml");
    archive(&[
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", root.as_bytes()),
        ("word/_rels/document.xml.rels", styles.as_bytes()),
        ("word/styles.xml", STYLES.as_bytes()),
        ("word/document.xml", body.as_bytes()),
    ])
}

fn cells(row: &[&str]) -> Vec<String> {
    row.iter().map(|cell| (*cell).to_owned()).collect()
}

fn expected_table() -> Content {
    let rows = vec![cells(&["Oak", "40"])];
    let header = cells(&["Village", "Euros"]);
    Content::Table(Table { header, rows })
}

fn contents(blocks: Vec<Block>) -> Vec<Content> {
    blocks.into_iter().map(|block| block.content).collect()
}

fn heading(text: &str) -> Content {
    let text = text.to_owned();
    Content::Heading { level: 1, text }
}

#[test]
fn a_word_document_keeps_its_headings_and_tables() {
    let (blocks, summary) = read(&word_document(WORD), "docx");
    let lights = Content::Paragraph("Dim the lights.".to_owned());
    assert_eq!(
        contents(blocks),
        [heading("Evening"), lights, expected_table()]
    );
    assert!(summary.warnings.is_empty());
    let (_, summary) = read(&word_document(WORD), "txt");
    assert_eq!(summary.warnings[0].code, WarningCode::WrongExtension);
}

#[test]
fn an_excel_sheet_is_a_table_with_the_numbers_of_its_rows() {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let book = format!(
        r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets>
        <sheet name="Taxi" sheetId="1" r:id="rId1"/></sheets></workbook>"#
    );
    let text = |cell: &str, text: &str| {
        format!(r#"<c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c>"#)
    };
    let sheet = format!(
        r#"<worksheet xmlns="{main}"><sheetData><row r="3">{}{}</row>
        <row r="7">{}<c r="B7"><v>40</v></c></row></sheetData></worksheet>"#,
        text("A3", "Village"),
        text("B3", "Euros"),
        text("A7", "Oak")
    );
    let root = relations("officeDocument", "xl/workbook.xml");
    let sheets = relations("worksheet", "worksheets/sheet1.xml");
    let bytes = archive(&[
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", root.as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", sheets.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ]);
    let (blocks, _) = read(&bytes, "xlsx");
    let sheet = Some("Taxi".to_owned());
    let position = Position::Row(RowPosition { sheet, row: 7 });
    assert_eq!(blocks[1].position, Some(position));
    assert_eq!(contents(blocks), [heading("Taxi"), expected_table()]);
}

#[test]
fn an_open_document_expands_no_entity_and_shows_no_comment() {
    let content = r#"<?xml version="1.0"?><!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">
      <!ENTITY a "aaaa">]><office:document-content xmlns:office="o" xmlns:text="t" xmlns:table="b">
      <office:body><office:text><text:h text:outline-level="1">Evening</text:h>
      <text:p>Dim&#32;the &amp; &file;&a;<office:annotation><text:p>secret</text:p>
      </office:annotation>lights.</text:p><text:list><text:list-item><text:p>one</text:p>
      </text:list-item></text:list><table:table><table:table-row><table:table-cell>
      <text:p>Village</text:p></table:table-cell><table:table-cell><text:p>Euros</text:p>
      </table:table-cell></table:table-row><table:table-row><table:table-cell><text:p>Oak</text:p>
      </table:table-cell><table:table-cell><text:p>40</text:p></table:table-cell>
      </table:table-row></table:table></office:text></office:body></office:document-content>"#;
    let mime = b"application/vnd.oasis.opendocument.text";
    let bytes = archive(&[("mimetype", mime), ("content.xml", content.as_bytes())]);
    let found = contents(read(&bytes, "odt").0);
    let text = Content::Paragraph("Dim the & lights.".to_owned());
    let list = Content::List(cells(&["- one"]));
    assert_eq!(found, [heading("Evening"), text, list, expected_table()]);
    let secret = archive(&[
        ("mimetype", mime),
        ("META-INF/manifest.xml", b"<manifest:encryption-data/>"),
        ("content.xml", b"\x01\x02"),
    ]);
    assert_eq!(failure(&secret, "odt"), ReadFailure::Encrypted);
}

#[test]
fn an_e_book_is_read_chapter_by_chapter() {
    let container = r#"<?xml version="1.0"?><container version="1.0"
      xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile
      full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"#;
    let package = r#"<?xml version="1.0"?><package
      xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
      <metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
      <dc:identifier id="id">x</dc:identifier><dc:title>The Evening</dc:title>
      <dc:language>en</dc:language></metadata><manifest>
      <item id="b" href="two.xhtml" media-type="application/xhtml+xml"/>
      <item id="a" href="one.xhtml" media-type="application/xhtml+xml"/></manifest>
      <spine><itemref idref="a"/><itemref idref="b"/></spine></package>"#;
    let page = |text: &str| {
        let space = "http://www.w3.org/1999/xhtml";
        format!(r#"<html xmlns="{space}"><body><h1 id="x">{text}</h1></body></html>"#)
    };
    let bytes = archive(&[
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", container.as_bytes()),
        ("book.opf", package.as_bytes()),
        ("two.xhtml", page("Second").as_bytes()),
        ("one.xhtml", page("First").as_bytes()),
    ]);
    let (blocks, summary) = read(&bytes, "epub");
    assert_eq!(summary.title.as_deref(), Some("The Evening"));
    let anchor = Position::Anchor("one.xhtml#x".to_owned());
    assert_eq!(blocks[0].position, Some(anchor));
    assert_eq!(contents(blocks), [heading("First"), heading("Second")]);
}

#[test]
fn what_grows_without_end_has_too_many_parts_or_leads_out_is_refused() {
    let zeros = vec![b' '; 60 * 1024 * 1024];
    let part = ("word/document.xml", zeros.as_slice());
    assert_eq!(
        failure(&archive(&[part]), "docx"),
        ReadFailure::TooLargeInflated
    );
    let names: Vec<String> = (0..10_001).map(|n| format!("p{n}")).collect();
    let mut parts: Vec<(&str, &[u8])> = vec![("word/document.xml", b"")];
    parts.extend(names.iter().map(|name| (name.as_str(), &b""[..])));
    assert_eq!(failure(&archive(&parts), "docx"), ReadFailure::TooManyParts);
    let out = archive(&[("word/document.xml", b""), ("../../etc/cron.d/x", b"")]);
    assert_eq!(failure(&out, "docx"), ReadFailure::Damaged);
}

#[test]
fn what_is_cut_or_of_another_kind_has_its_code() {
    let whole = word_document(WORD);
    for length in [30, whole.len() / 2, whole.len() - 10] {
        assert_eq!(
            failure(&whole[..length], "docx"),
            ReadFailure::Damaged,
            "{length}"
        );
    }
    let plain = archive(&[("readme.txt", b"words")]);
    assert_eq!(failure(&plain, "docx"), ReadFailure::Unsupported);
    let name: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let compound = [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 entries "[..], &name].concat();
    assert_eq!(failure(&compound, "docx"), ReadFailure::Encrypted);
    assert_eq!(failure(&compound[..10], "doc"), ReadFailure::Unsupported);
    assert_eq!(failure(b"", "docx"), ReadFailure::EmptyDocument);
    assert_eq!(
        failure(b"\x89PNG\r\n\x1a\n\0\0\0", "pdf"),
        ReadFailure::Unsupported
    );
}
