//! Splits a document into passages. All sizes of passages are decided here.

use shared_ai_client::TextKind;
use shared_document::{BadLine, Position, Record};
use text_splitter::{ChunkConfig, ChunkSizer, TextSplitter};

use crate::domain::index::headings::{Headings, Part};
use crate::domain::index::joining::Joiner;
use crate::domain::index::lines::LineBuffer;
use crate::domain::index::sections::Outline;
use crate::domain::tokens;

/// The longest passage in characters: short enough to be shown whole as a citation.
pub(crate) const MAX_CHARACTERS: usize = 1000;
/// A paragraph with fewer characters is joined with the next one under the same heading.
pub(super) const MIN_CHARACTERS: usize = 150;
/// A paragraph that is too long is split into pieces of at least so many characters, if its
/// sentences permit.
const DESIRED_CHARACTERS: usize = 600;
/// Characters that consecutive pieces of one paragraph share; whole paragraphs do not overlap.
const OVERLAP_CHARACTERS: usize = 120;
/// Tokens of the context window that remain free for the model's special tokens and its prefix.
const RESERVED_TOKENS: usize = 16;
/// The same for a passage with its title, which may use what a passage alone leaves free: enough
/// for two special tokens and a short prefix.
const RESERVED_WITH_TITLE: usize = 6;
/// A passage with fewer characters needs its heading to be understood, so both are embedded.
const MIN_CHARACTERS_WITHOUT_HEADING: usize = 150;

/// A piece of a document that is embedded, searched and cited on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passage {
    /// The position in the document, from 0.
    pub(crate) ordinal: i32,
    /// The path of headings above it.
    pub(crate) heading: Option<String>,
    /// The unchanged text.
    pub(crate) text: String,
    /// Where in the document's file it begins.
    pub(crate) position: Option<Position>,
}

impl Passage {
    /// The text to embed. A passage without headings is embedded with the title of its document:
    /// nothing else says what it is about (`docs/quality.md`). Under headings a title makes
    /// passages about different things alike. So do headings, so they are prepended only to a
    /// passage that is too short to be understood without them. A title is shortened to what the
    /// context window of `window` tokens has room for, since a longer text would be refused.
    pub(crate) fn embedded_text(&self, title: &str, window: usize) -> String {
        match &self.heading {
            None => {
                let used = tokens::estimate(&self.text) + RESERVED_WITH_TITLE;
                let title = tokens::beginning(title, window.saturating_sub(used));
                format!("{title}\n\n{}", self.text)
            }
            Some(heading) if self.text.chars().count() < MIN_CHARACTERS_WITHOUT_HEADING => {
                format!("{heading}\n\n{}", self.text)
            }
            Some(_) => self.text.clone(),
        }
    }
}

/// Splits a document into passages, piece by piece; it keeps what does not make a passage yet.
#[derive(Debug)]
pub(crate) struct Splitter {
    lines: LineBuffer,
    reader: Reader,
    joiner: Joiner,
}

/// Understands the lines of a document.
#[derive(Debug)]
enum Reader {
    /// Each is a block.
    Blocks(Headings),
    /// They are text, as earlier versions of creator-hub send it.
    Text(Outline),
}

impl Splitter {
    /// A splitter for a model with a context window of `window` tokens.
    pub(crate) fn new(kind: TextKind, window: usize) -> Self {
        Self {
            lines: LineBuffer::default(),
            reader: match kind {
                TextKind::Blocks => Reader::Blocks(Headings::default()),
                TextKind::Plain | TextKind::Markdown => Reader::Text(Outline::new(kind)),
            },
            joiner: Joiner::new(Measure::for_window(window)),
        }
    }

    /// The passages that are complete with this piece of the document.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<Passage>, BadLine> {
        let Self { lines, reader, .. } = self;
        let mut bad = None;
        lines.push(piece, |line| {
            if let Err(error) = reader.push(line) {
                bad.get_or_insert(error);
            }
        });
        match bad {
            Some(error) => Err(error),
            None => Ok(self.joiner.join(self.reader.take())),
        }
    }

    /// The passages at the end of the document.
    pub(crate) fn finish(&mut self) -> Result<Vec<Passage>, BadLine> {
        let Self { lines, reader, .. } = self;
        let mut bad = Ok(());
        lines.finish(|line| bad = reader.push(line));
        bad?;
        let mut found = self.joiner.join(self.reader.finish());
        found.extend(self.joiner.finish());
        Ok(found)
    }
}

impl Reader {
    fn push(&mut self, line: &str) -> Result<(), BadLine> {
        match self {
            Self::Blocks(headings) => {
                if let Record::Block(block) = Record::parse(line.as_bytes())? {
                    headings.push(block);
                }
            }
            Self::Text(outline) => outline.push(line),
        }
        Ok(())
    }

    fn take(&mut self) -> Vec<Part> {
        match self {
            Self::Blocks(headings) => headings.take(),
            Self::Text(outline) => outline.take().into_iter().map(Part::from).collect(),
        }
    }

    fn finish(&mut self) -> Vec<Part> {
        match self {
            Self::Blocks(headings) => headings.finish(),
            Self::Text(outline) => outline.finish(),
        }
        self.take()
    }
}

/// Combines two limits into one size: the larger of the estimated tokens and the characters scaled
/// to tokens. The unit is tokens because the splitter assumes that a size never exceeds the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    capacity: usize,
}

impl Measure {
    fn for_window(window: usize) -> Self {
        let tokens = window.saturating_sub(RESERVED_TOKENS);
        // A token has at least one character, so a capacity above MAX_CHARACTERS has no effect.
        let capacity = tokens.clamp(2, MAX_CHARACTERS);
        Self { capacity }
    }

    const fn scaled(self, characters: usize) -> usize {
        (characters * self.capacity).div_ceil(MAX_CHARACTERS)
    }

    pub(super) const fn capacity(self) -> usize {
        self.capacity
    }

    pub(super) fn fits(self, text: &str) -> bool {
        self.size(text) <= self.capacity
    }

    /// Pieces of a text of at most `limit` each, which share an overlap where sentences are cut.
    pub(super) fn split(self, text: &str, limit: usize) -> Vec<String> {
        if self.size(text) <= limit {
            return vec![text.to_owned()];
        }
        let limit = limit.max(2);
        let desired = self.scaled(DESIRED_CHARACTERS).clamp(1, limit - 1);
        let config_without_overlap = || ChunkConfig::new(desired..limit).with_sizer(self);
        // The splitter refuses an overlap only above the capacity; pieces without overlap would do.
        let overlap = self.scaled(OVERLAP_CHARACTERS).min(desired - 1);
        let config = config_without_overlap()
            .with_overlap(overlap)
            .unwrap_or_else(|_| config_without_overlap());
        TextSplitter::new(config)
            .chunks(text)
            .map(str::to_owned)
            .collect()
    }
}

impl ChunkSizer for Measure {
    fn size(&self, chunk: &str) -> usize {
        let characters = self.scaled(chunk.chars().count());
        tokens::estimate(chunk).max(characters)
    }
}

#[cfg(test)]
pub(crate) mod tests;
