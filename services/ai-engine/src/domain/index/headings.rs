//! Gives the blocks of a document the path of headings above them.

use shared_document::{Block, Content, Position, Table};

use crate::domain::index::sections::Paragraph;

/// Separates the headings of a path.
const HEADING_SEPARATOR: &str = " > ";
/// The longest heading path in characters; of a longer one, the innermost part stays.
const MAX_HEADING: usize = 300;
/// An outer heading is shortened to so many characters at least, or left out.
const MIN_OUTER: usize = 30;

/// A part of a document and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The number of the section: parts under one heading have the same.
    pub(crate) section: usize,
    /// The path of headings above it, outermost first.
    pub(crate) heading: Option<String>,
    pub(crate) body: Body,
    pub(crate) position: Option<Position>,
}

/// What a part is, as far as it matters to where it may be cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    Text(String),
    List(Vec<String>),
    Table(Table),
    Code(String),
}

impl From<Paragraph> for Part {
    fn from(paragraph: Paragraph) -> Self {
        let Paragraph {
            section,
            heading,
            text,
        } = paragraph;
        Self {
            section,
            heading,
            body: Body::Text(text),
            position: None,
        }
    }
}

/// A heading below which nothing stands so far.
#[derive(Debug)]
struct Bare {
    level: u8,
    text: String,
    position: Option<Position>,
}

/// Reads blocks and gives parts.
#[derive(Debug, Default)]
pub(crate) struct Headings {
    path: Vec<(u8, String)>,
    heading: Option<String>,
    section: usize,
    bare: Option<Bare>,
    found: Vec<Part>,
}

impl Headings {
    pub(crate) fn push(&mut self, block: Block) {
        let Block { content, position } = block;
        let body = match content {
            Content::Heading { level, text } => return self.open_section(level, text, position),
            Content::Paragraph(text) | Content::Caption(text) => Body::Text(text),
            Content::List(items) => Body::List(items),
            Content::Table(table) => Body::Table(table),
            Content::Code(text) => Body::Code(text),
        };
        self.bare = None;
        self.add(body, position);
    }

    /// Reads the end of the document.
    pub(crate) fn finish(&mut self) {
        self.close_bare(0);
    }

    /// The parts that are complete since the last call.
    pub(crate) fn take(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.found)
    }

    fn open_section(&mut self, level: u8, text: String, position: Option<Position>) {
        self.close_bare(level);
        self.section += 1;
        self.path.retain(|(above, _)| *above < level);
        self.path.push((level, text.clone()));
        self.heading = self.shown_path();
        if text.chars().count() > MAX_HEADING {
            // The path has only the beginning of it.
            self.add(Body::Text(text), position);
        } else {
            self.bare = Some(Bare {
                level,
                text,
                position,
            });
        }
    }

    /// A heading with nothing below it is content itself, under those above it. One that only has
    /// headings below it stands in their paths.
    fn close_bare(&mut self, next_level: u8) {
        if let Some(bare) = self.bare.take_if(|bare| bare.level >= next_level) {
            self.path.retain(|(above, _)| *above < bare.level);
            self.heading = self.shown_path();
            self.add(Body::Text(bare.text), bare.position);
        }
        self.bare = None;
    }

    fn add(&mut self, body: Body, position: Option<Position>) {
        self.found.push(Part {
            section: self.section,
            heading: self.heading.clone(),
            body,
            position,
        });
    }

    /// The path on one line. The innermost heading says most, so what is too long is cut outside.
    fn shown_path(&self) -> Option<String> {
        let mut shown = String::new();
        for (_, title) in self.path.iter().rev() {
            if shown.is_empty() {
                shown = title.chars().take(MAX_HEADING).collect();
                continue;
            }
            let used = shown.chars().count() + HEADING_SEPARATOR.len();
            let room = MAX_HEADING.saturating_sub(used);
            let is_whole = title.chars().count() <= room;
            if !is_whole && room < MIN_OUTER {
                break;
            }
            let outer: String = if is_whole {
                title.clone()
            } else {
                title.chars().take(room - 1).chain(['…']).collect()
            };
            shown = format!("{outer}{HEADING_SEPARATOR}{shown}");
            if !is_whole {
                break;
            }
        }
        (!shown.is_empty()).then_some(shown)
    }
}
