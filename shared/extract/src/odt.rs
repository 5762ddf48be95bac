//! `OpenDocument` text: headings, paragraphs, lists and tables of `content.xml`.

use std::fs::File;
use std::io::{Read, Seek};

use quick_xml::Reader as Xml;
use quick_xml::events::{BytesStart, Event};
use shared_document::{Content, ReadFailure, Table, WarningCode};

use crate::{ExtractError, Extractor, Output, archive};

/// Elements that are nested deeper are refused.
const MAX_DEPTH: usize = 200;
/// The most spaces that one element may stand for.
const MAX_BLANKS: usize = 100;

/// `OpenDocument` text.
pub(crate) struct Odt;

impl Extractor for Odt {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        Self::read_document(input, output)
    }
}

impl Odt {
    /// Reads a document from its beginning.
    pub(crate) fn read_document(
        input: &mut (impl Read + Seek),
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        if archive::check(input)? {
            output.warn(WarningCode::PartSkipped, None);
        }
        let manifest = archive::part(input, "META-INF/manifest.xml").unwrap_or_default();
        if memchr::memmem::find(&manifest, b"encryption-data").is_some() {
            return Err(ReadFailure::Encrypted.into());
        }
        if let Ok(meta) = archive::part(input, "meta.xml") {
            let meta = String::from_utf8_lossy(&meta);
            let title = meta
                .split_once("<dc:title>")
                .and_then(|(_, rest)| rest.split_once('<'));
            output.title(title.map_or("", |(title, _)| title));
        }
        let content = archive::part(input, "content.xml")?;
        let mut xml = Xml::from_reader(content.as_slice());
        let mut walk = Walk::new(output);
        let mut depth = 0;
        loop {
            match xml.read_event().map_err(|_| ReadFailure::Damaged)? {
                Event::Start(element) => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(ReadFailure::TooDeep.into());
                    }
                    walk.start(&element)?;
                }
                Event::Empty(element) => {
                    walk.start(&element)?;
                    walk.end(element.name().as_ref())?;
                }
                Event::End(element) => {
                    depth = depth.saturating_sub(1);
                    walk.end(element.name().as_ref())?;
                }
                Event::Text(text) => {
                    walk.text(&text);
                }
                Event::GeneralRef(name) => {
                    // Only numeric references and the five predefined entities: a document's own
                    // are not expanded.
                    let character = name.resolve_char_ref().ok().flatten();
                    let named = quick_xml::escape::resolve_predefined_entity(&name);
                    walk.text(
                        &character
                            .map_or_else(|| named.unwrap_or_default().to_owned(), String::from),
                    );
                }
                Event::Eof => break,
                _ => {}
            }
        }
        walk.flush()
    }
}

struct Walk<'w, 'o> {
    output: &'w mut Output<'o>,
    text: String,
    level: usize,
    lists: usize,
    items: Vec<String>,
    is_item_start: bool,
    tables: usize,
    rows: Vec<Vec<String>>,
    row: Vec<String>,
    /// Elements whose text is not the document's: notes of reviewers, tracked deletions.
    skipped: usize,
}

impl<'w, 'o> Walk<'w, 'o> {
    const fn new(output: &'w mut Output<'o>) -> Self {
        Self {
            output,
            text: String::new(),
            level: 0,
            lists: 0,
            items: Vec::new(),
            is_item_start: false,
            tables: 0,
            rows: Vec::new(),
            row: Vec::new(),
            skipped: 0,
        }
    }

    fn text(&mut self, text: &str) {
        if self.skipped == 0 {
            self.text.push_str(text);
        }
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ExtractError> {
        if self.skipped > 0 || is_skipped(element.name().as_ref()) {
            self.skipped += 1;
            return Ok(());
        }
        match element.name().as_ref() {
            "text:h" => {
                self.paragraph()?;
                self.level = number(element, "text:outline-level").unwrap_or(1);
            }
            "text:p" => self.paragraph()?,
            "text:list" => {
                self.paragraph()?;
                self.lists += 1;
            }
            "text:list-item" => self.is_item_start = true,
            "table:table" => {
                self.paragraph()?;
                self.tables += 1;
            }
            "table:table-cell" if self.tables == 1 => self.text.clear(),
            "text:s" => {
                let blanks = number(element, "text:c").unwrap_or(1).min(MAX_BLANKS);
                self.text.push_str(&" ".repeat(blanks));
            }
            "text:tab" => self.text.push('\t'),
            "text:line-break" => self.text.push('\n'),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<(), ExtractError> {
        if self.skipped > 0 {
            self.skipped -= 1;
            return Ok(());
        }
        match name {
            "text:h" | "text:p" => self.paragraph()?,
            "text:list" => {
                self.lists = self.lists.saturating_sub(1);
                if self.lists == 0 && self.tables == 0 {
                    let items = Content::List(std::mem::take(&mut self.items));
                    self.output.block(items, None)?;
                }
            }
            "table:table-cell" if self.tables == 1 => {
                let cell = std::mem::take(&mut self.text);
                self.row.push(cell.trim().to_owned());
            }
            "table:table-row" if self.tables == 1 => {
                self.rows.push(std::mem::take(&mut self.row));
            }
            "table:table" => {
                self.tables = self.tables.saturating_sub(1);
                if self.tables == 0 {
                    let mut rows = std::mem::take(&mut self.rows);
                    let header = if rows.len() > 1 {
                        rows.remove(0)
                    } else {
                        Vec::new()
                    };
                    self.output
                        .block(Content::Table(Table { header, rows }), None)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends the paragraph; inside of a cell it is only a line of it.
    fn paragraph(&mut self) -> Result<(), ExtractError> {
        if self.tables > 0 {
            if !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push('\n');
            }
            return Ok(());
        }
        let text = std::mem::take(&mut self.text);
        let level = std::mem::take(&mut self.level);
        if text.trim().is_empty() {
            return Ok(());
        }
        if level > 0 {
            let level = u8::try_from(level).unwrap_or(u8::MAX);
            return self.output.block(Content::Heading { level, text }, None);
        }
        if self.lists > 0 {
            let indent = "  ".repeat(self.lists - 1);
            let marker = if std::mem::take(&mut self.is_item_start) {
                "- "
            } else {
                "  "
            };
            self.items.push(format!("{indent}{marker}{}", text.trim()));
            return Ok(());
        }
        self.output.block(Content::Paragraph(text), None)
    }

    fn flush(mut self) -> Result<(), ExtractError> {
        self.tables = 0;
        self.paragraph()
    }
}

fn is_skipped(name: &str) -> bool {
    matches!(
        name,
        "office:annotation"
            | "text:tracked-changes"
            | "text:sequence-decls"
            | "svg:desc"
            | "office:scripts"
            | "office:font-face-decls"
            | "office:automatic-styles"
    )
}

fn number(element: &BytesStart<'_>, name: &str) -> Option<usize> {
    let attribute = element.try_get_attribute(name).ok()??;
    attribute.value.parse().ok()
}
