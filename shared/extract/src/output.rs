//! Takes the blocks of a file, normalises them and writes them as lines.

use std::io::Write;

use shared_document::{
    Block, Content, Position, ReadFailure, Record, RowPosition, Summary, Table, Warning,
    WarningCode, pieces,
};

use crate::ExtractError;
use crate::text;

/// The most bytes that are written for one file.
pub(crate) const MAX_OUTPUT: u64 = 512 * 1024 * 1024;
/// The most warnings that are kept.
const MAX_WARNINGS: usize = 20;
/// The longest title, characters.
const MAX_TITLE: usize = 200;
/// A shorter text has too few characters to detect its language.
const MIN_SAMPLE: usize = 200;
/// Language detection reads no more bytes of a text.
const MAX_SAMPLE: usize = 16 * 1024;

/// Where an [`Extractor`](crate::Extractor) puts what it reads.
pub struct Output<'a> {
    sink: &'a mut dyn Write,
    summary: Summary,
    written: u64,
    sample: String,
    page: Option<Page>,
    /// Whether the title of the page is still to be written.
    is_title_due: bool,
}

/// A page of an export, while its blocks are written.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its path in the archive, which positions name.
    pub(crate) file: String,
    /// Its title, unless it names another one.
    pub(crate) title: String,
    /// The level of its title; those of its own headings are below.
    pub(crate) level: u8,
    /// The headings above it that were not written yet, with their levels.
    pub(crate) above: Vec<(u8, String)>,
}

impl std::fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

impl<'a> Output<'a> {
    /// An output that writes to `sink`.
    pub fn new(sink: &'a mut dyn Write) -> Self {
        Self {
            sink,
            summary: Summary::default(),
            written: 0,
            sample: String::new(),
            page: None,
            is_title_due: false,
        }
    }

    /// Begins a page of an export. Its title, and the headings above it, are written before its
    /// first block.
    pub(crate) fn begin_page(&mut self, page: Page) {
        self.page = Some(page);
        self.is_title_due = true;
    }

    /// Ends the page; false if it had no block.
    pub(crate) fn end_page(&mut self) -> bool {
        self.page = None;
        !std::mem::take(&mut self.is_title_due)
    }

    /// Takes the next block; one without text is left out.
    pub fn block(
        &mut self,
        content: Content,
        position: Option<Position>,
    ) -> Result<(), ExtractError> {
        let Some(content) = cleaned(content) else {
            return Ok(());
        };
        if self.is_title_due && self.begin_with_title(&content)? {
            return Ok(());
        }
        let (content, position) = match &self.page {
            Some(page) => (page.lowered(content), Some(page.within(position))),
            None => (content, position),
        };
        self.write(content, position)
    }

    /// Writes the title of a page and the headings above it. Returns whether this block, the first
    /// one of the page, says the same.
    fn begin_with_title(&mut self, first: &Content) -> Result<bool, ExtractError> {
        self.is_title_due = false;
        let Some(page) = &mut self.page else {
            return Ok(false);
        };
        let above = std::mem::take(&mut page.above);
        let own = text::one_line(&page.title);
        let is_same = matches!(first, Content::Heading { text, .. } if *text == own);
        let position = Some(page.within(None));
        let headings = above.into_iter().chain([(page.level, own)]);
        for (level, text) in headings.collect::<Vec<_>>() {
            let level = level.clamp(1, 6);
            self.write(Content::Heading { level, text }, position.clone())?;
        }
        Ok(is_same)
    }

    fn write(&mut self, content: Content, position: Option<Position>) -> Result<(), ExtractError> {
        for block in pieces(Block::new(content, position)) {
            self.remember(&block.content);
            let line = Record::Block(block).to_json();
            let line = line.map_err(|_| ReadFailure::ReaderFailed)?;
            self.written += line.len() as u64;
            if self.written > MAX_OUTPUT {
                return Err(ReadFailure::TooMuchText.into());
            }
            self.sink.write_all(line.as_bytes())?;
            self.summary.blocks += 1;
        }
        Ok(())
    }

    /// Records a warning for the creator.
    pub fn warn(&mut self, code: WarningCode, position: Option<Position>) {
        let position = match &self.page {
            Some(page) => Some(page.within(position)),
            None => position,
        };
        let warnings = &mut self.summary.warnings;
        let warning = Warning {
            code,
            position,
            language: None,
        };
        if warnings.len() < MAX_WARNINGS {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        } else if warnings.len() == MAX_WARNINGS {
            warnings.push(Warning {
                code: WarningCode::MoreWarnings,
                position: None,
                language: None,
            });
        }
    }

    /// Records the title that the file names; the first one counts.
    pub fn title(&mut self, title: &str) {
        let title: String = text::one_line(title).chars().take(MAX_TITLE).collect();
        if let Some(page) = &mut self.page {
            if self.is_title_due && !title.is_empty() {
                page.title = title;
            }
            return;
        }
        if self.summary.title.is_none() && !title.is_empty() {
            self.summary.title = Some(title);
        }
    }

    /// Records the character encoding.
    pub fn charset(&mut self, name: &str) {
        self.summary.charset = Some(name.to_ascii_lowercase());
    }

    /// The number of blocks so far.
    pub const fn blocks(&self) -> u64 {
        self.summary.blocks
    }

    /// The summary of the file. A file without any block is a failure.
    pub fn finish(mut self) -> Result<Summary, ExtractError> {
        if self.summary.blocks == 0 {
            return Err(ReadFailure::EmptyDocument.into());
        }
        if self.sample.chars().count() >= MIN_SAMPLE {
            let language = whatlang::detect(&self.sample).filter(whatlang::Info::is_reliable);
            self.summary.language = language.map(|found| found.lang().code().to_owned());
        }
        self.sink.flush()?;
        Ok(self.summary)
    }

    fn remember(&mut self, content: &Content) {
        let (Content::Paragraph(text) | Content::Heading { text, .. }) = content else {
            return;
        };
        let room = MAX_SAMPLE.saturating_sub(self.sample.len());
        self.sample
            .push_str(&text[..text.floor_char_boundary(room)]);
        self.sample.push(' ');
    }
}

impl Page {
    /// The headings of a page are below its title.
    fn lowered(&self, content: Content) -> Content {
        match content {
            Content::Heading { level, text } => Content::Heading {
                level: level.saturating_add(self.level).min(6),
                text,
            },
            other => other,
        }
    }

    /// The same position in the file of the page. What has no place for a path becomes the anchor
    /// that a browser would use: `#page=` of RFC 8118, `#t=` of Media Fragments.
    fn within(&self, position: Option<Position>) -> Position {
        let anchor = match position {
            Some(Position::Row(RowPosition { sheet, row })) => {
                let sheet = sheet.map_or_else(|| self.file.clone(), |name| self.joined(&name));
                return Position::Row(RowPosition {
                    sheet: Some(sheet),
                    row,
                });
            }
            Some(Position::Anchor(anchor)) => anchor,
            Some(Position::Page(page)) => format!("page={page}"),
            Some(Position::Slide(slide)) => format!("slide={slide}"),
            Some(Position::Seconds(second)) => format!("t={second}"),
            None => return Position::Anchor(self.file.clone()),
        };
        Position::Anchor(self.joined(&anchor))
    }

    fn joined(&self, inner: &str) -> String {
        format!("{}#{inner}", self.file)
    }
}

/// The normalised content; none if it has no text.
fn cleaned(content: Content) -> Option<Content> {
    let filled = |text: String| (!text.is_empty()).then_some(text);
    Some(match content {
        Content::Heading { level, text } => Content::Heading {
            level: level.clamp(1, 6),
            text: filled(text::one_line(&text))?,
        },
        Content::Paragraph(text) => Content::Paragraph(filled(text::paragraph(&text))?),
        Content::Caption(text) => Content::Caption(filled(text::paragraph(&text))?),
        Content::Code(text) => Content::Code(filled(text::code(&text))?),
        Content::List(items) => {
            let clean = |item: &String| {
                let indent = item.len() - item.trim_start_matches(' ').len();
                filled(text::paragraph(item)).map(|text| format!("{}{text}", " ".repeat(indent)))
            };
            let items: Vec<String> = items.iter().filter_map(clean).collect();
            (!items.is_empty()).then_some(Content::List(items))?
        }
        Content::Table(Table { header, rows }) => {
            let clean = |cells: Vec<String>| -> Vec<String> {
                let mut cells: Vec<String> =
                    cells.iter().map(|cell| text::one_line(cell)).collect();
                while cells.last().is_some_and(String::is_empty) {
                    cells.pop();
                }
                cells
            };
            let header = clean(header);
            let rows = rows.into_iter().map(clean).filter(|row| !row.is_empty());
            let rows: Vec<Vec<String>> = rows.collect();
            let is_filled = !header.is_empty() || !rows.is_empty();
            is_filled.then_some(Content::Table(Table { header, rows }))?
        }
    })
}
