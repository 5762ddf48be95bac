//! Word and `PowerPoint`: headings, lists, tables, notes; slides are positions.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use shared_document::{Content, Position, ReadFailure, Table, WarningCode};
use undoc::model::{Block, Cell, ListType, Paragraph, RevisionType, Section, Table as OfficeTable};

use crate::html::walk::push_target;
use crate::kind::Kind;
use crate::{ExtractError, Extractor, Output, archive};

/// A Word or `PowerPoint` file.
pub(crate) struct Office {
    pub(crate) kind: Kind,
}

impl Extractor for Office {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        self.read_document(input, output)
    }
}

impl Office {
    /// Reads a document from its beginning.
    pub(crate) fn read_document(
        &self,
        input: &mut (impl Read + Seek),
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        if archive::check(input)? {
            output.warn(WarningCode::PartSkipped, None);
        }
        let mut bytes = Vec::new();
        input.seek(SeekFrom::Start(0))?;
        input.read_to_end(&mut bytes)?;
        let document = undoc::parse_bytes(&bytes).map_err(|error| match error {
            undoc::Error::Encrypted => ReadFailure::Encrypted,
            undoc::Error::UnsupportedFormat(_) => ReadFailure::Unsupported,
            _ => ReadFailure::Damaged,
        })?;
        drop(bytes);
        if let Some(title) = &document.metadata.title {
            output.title(title);
        }
        let is_slides = self.kind == Kind::Pptx;
        let start = output.blocks();
        for (number, section) in document.sections.iter().enumerate() {
            let slide = u32::try_from(number + 1).unwrap_or(u32::MAX);
            let position = is_slides.then_some(Position::Slide(slide));
            let before = output.blocks();
            let mut writer = Writer {
                output,
                position: position.clone(),
                items: Vec::new(),
            };
            writer.section(section, is_slides)?;
            if is_slides && output.blocks() == before {
                output.warn(WarningCode::PageWithoutText, position);
            }
        }
        if output.blocks() == start && !document.resources.is_empty() {
            return Err(ReadFailure::NoText.into());
        }
        Ok(())
    }
}

struct Writer<'w, 'o> {
    output: &'w mut Output<'o>,
    position: Option<Position>,
    items: Vec<String>,
}

impl Writer<'_, '_> {
    fn section(&mut self, section: &Section, is_slide: bool) -> Result<(), ExtractError> {
        let name = section.name.as_deref().filter(|_| is_slide).map(str::trim);
        if let Some(text) = name.filter(|name| !name.is_empty()) {
            self.write(Content::Heading {
                level: 1,
                text: text.to_owned(),
            })?;
        }
        for (number, block) in section.content.iter().enumerate() {
            // The title of a slide is its name and its first paragraph.
            let is_title = matches!(block, Block::Paragraph(paragraph)
                if number < 2 && name == Some(paragraph_text(paragraph).trim()));
            if !is_title {
                self.block(block)?;
            }
        }
        for note in section.notes.iter().flatten() {
            self.paragraph(note)?;
        }
        self.flush()
    }

    fn block(&mut self, block: &Block) -> Result<(), ExtractError> {
        match block {
            Block::Paragraph(paragraph) => self.paragraph(paragraph),
            Block::Table(table) => self.table(table),
            Block::Note { label, content } => {
                let text: Vec<String> = content.iter().map(paragraph_text).collect();
                self.write(Content::Paragraph(format!(
                    "[^{label}]: {}",
                    text.join("\n")
                )))
            }
            Block::Image {
                alt_text: Some(text),
                ..
            } => self.write(Content::Caption(text.clone())),
            Block::Image { .. } | Block::PageBreak | Block::SectionBreak => Ok(()),
        }
    }

    fn paragraph(&mut self, paragraph: &Paragraph) -> Result<(), ExtractError> {
        let text = paragraph_text(paragraph);
        if text.trim().is_empty() {
            return Ok(());
        }
        let level = paragraph.heading.level();
        if level > 0 {
            return self.write(Content::Heading { level, text });
        }
        let list = paragraph.list_info.as_ref();
        if let Some(list) = list.filter(|list| list.list_type != ListType::None) {
            let marker = match (list.list_type, list.number) {
                (ListType::Numbered, Some(number)) => format!("{number}."),
                _ => "-".to_owned(),
            };
            let indent = "  ".repeat(usize::from(list.level.min(8)));
            self.items.push(format!("{indent}{marker} {}", text.trim()));
            return Ok(());
        }
        let is_caption = paragraph
            .style_name
            .as_deref()
            .is_some_and(|name| name.eq_ignore_ascii_case("caption"));
        self.write(if is_caption {
            Content::Caption(text)
        } else {
            Content::Paragraph(text)
        })
    }

    fn table(&mut self, table: &OfficeTable) -> Result<(), ExtractError> {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for row in &table.rows {
            rows.push(row.cells.iter().map(cell_text).collect());
        }
        if let Some(caption) = &table.caption {
            self.write(Content::Caption(caption.clone()))?;
        }
        // A frame around text is written as a table of one cell.
        if rows.len() == 1 || rows.iter().all(|row| row.len() < 2) {
            for text in rows.into_iter().flatten() {
                self.write(Content::Paragraph(text))?;
            }
            return Ok(());
        }
        let header = if rows.is_empty() {
            Vec::new()
        } else {
            rows.remove(0)
        };
        self.write(Content::Table(Table { header, rows }))
    }

    fn write(&mut self, content: Content) -> Result<(), ExtractError> {
        self.flush()?;
        self.output.block(content, self.position.clone())
    }

    fn flush(&mut self) -> Result<(), ExtractError> {
        if self.items.is_empty() {
            return Ok(());
        }
        let items = Content::List(std::mem::take(&mut self.items));
        self.output.block(items, self.position.clone())
    }
}

fn cell_text(cell: &Cell) -> String {
    let mut parts: Vec<String> = cell.content.iter().map(paragraph_text).collect();
    for table in &cell.nested_tables {
        let cells = table.rows.iter().flat_map(|row| &row.cells);
        parts.extend(cells.map(cell_text));
    }
    parts.retain(|part| !part.trim().is_empty());
    parts.join("\n")
}

/// The text of a paragraph without what was deleted while changes were tracked.
fn paragraph_text(paragraph: &Paragraph) -> String {
    let mut text = String::new();
    for run in &paragraph.runs {
        if run.revision == RevisionType::Deleted {
            continue;
        }
        let start = text.len();
        text.push_str(&run.text);
        if let Some(target) = &run.hyperlink {
            push_target(&mut text, start, target);
        }
        if let Some(label) = &run.note {
            text.push_str("[^");
            text.push_str(label);
            text.push(']');
        }
        if run.line_break || run.page_break {
            text.push('\n');
        }
    }
    for image in &paragraph.images {
        if let Some(alt) = image
            .alt_text
            .as_deref()
            .map(str::trim)
            .filter(|alt| !alt.is_empty())
        {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(alt);
        }
    }
    text
}
