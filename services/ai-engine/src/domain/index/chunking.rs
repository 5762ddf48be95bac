//! Splits a text into passages. All sizes of passages are decided here.

use shared_ai_client::TextKind;
use text_splitter::{ChunkConfig, ChunkSizer, MarkdownSplitter, TextSplitter};

use crate::domain::index::lines::LineBuffer;
use crate::domain::index::sections::{Outline, Paragraph};
use crate::domain::tokens;

/// The longest passage in characters: short enough to be shown whole as a citation.
pub(crate) const MAX_CHARACTERS: usize = 1000;
/// A paragraph with fewer characters is joined with the next one under the same heading.
const MIN_CHARACTERS: usize = 150;
/// A paragraph that is too long is split into pieces of at least so many characters, if its
/// sentences permit.
const DESIRED_CHARACTERS: usize = 600;
/// Characters that consecutive pieces of one paragraph share; whole paragraphs do not overlap.
const OVERLAP_CHARACTERS: usize = 120;
/// Tokens of the context window that remain free for the model's special tokens and its prefix.
const RESERVED_TOKENS: usize = 16;
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
}

impl Passage {
    /// The text to embed. A heading makes the vectors of all passages under it similar, so it is
    /// prepended only to a passage that is too short to be understood without it.
    pub(crate) fn embedded_text(&self) -> String {
        match &self.heading {
            Some(heading) if self.text.chars().count() < MIN_CHARACTERS_WITHOUT_HEADING => {
                format!("{heading}\n\n{}", self.text)
            }
            _ => self.text.clone(),
        }
    }
}

/// Splits a text into passages, piece by piece; it keeps what does not make a passage yet.
#[derive(Debug)]
pub(crate) struct Splitter {
    kind: TextKind,
    measure: Measure,
    lines: LineBuffer,
    outline: Outline,
    /// The last paragraph, which the next one may be joined with.
    last: Option<Paragraph>,
    next_ordinal: i32,
}

impl Splitter {
    /// A splitter for a model with a context window of `window` tokens.
    pub(crate) fn new(kind: TextKind, window: usize) -> Self {
        Self {
            kind,
            measure: Measure::for_window(window),
            lines: LineBuffer::default(),
            outline: Outline::new(kind),
            last: None,
            next_ordinal: 0,
        }
    }

    /// The passages that are complete with this piece of the text.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<Passage> {
        self.lines.push(piece, |line| self.outline.push(line));
        self.passages()
    }

    /// The passages at the end of the text.
    pub(crate) fn finish(&mut self) -> Vec<Passage> {
        self.lines.finish(|line| self.outline.push(line));
        self.outline.finish();
        let mut found = self.passages();
        if let Some(last) = self.last.take() {
            self.add(last, &mut found);
        }
        found
    }

    fn passages(&mut self) -> Vec<Passage> {
        let mut found = Vec::new();
        for paragraph in self.outline.take() {
            if let Some(last) = &mut self.last
                && last.section == paragraph.section
                && fits_after(&last.text, &paragraph.text, self.measure)
            {
                last.text.push_str("\n\n");
                last.text.push_str(&paragraph.text);
            } else if let Some(complete) = self.last.replace(paragraph) {
                self.add(complete, &mut found);
            }
        }
        found
    }

    fn add(&mut self, paragraph: Paragraph, found: &mut Vec<Passage>) {
        let Paragraph { heading, text, .. } = paragraph;
        let texts = if self.measure.fits(&text) {
            vec![text]
        } else {
            split(self.kind, &text, self.measure)
        };
        for text in texts {
            found.push(Passage {
                ordinal: self.next_ordinal,
                heading: heading.clone(),
                text,
            });
            self.next_ordinal = self.next_ordinal.saturating_add(1);
        }
    }
}

/// Combines two limits into one size: the larger of the estimated tokens and the characters scaled
/// to tokens. The unit is tokens because the splitter assumes that a size never exceeds the bytes.
#[derive(Debug, Clone, Copy)]
struct Measure {
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

    fn fits(self, text: &str) -> bool {
        self.size(text) <= self.capacity
    }
}

impl ChunkSizer for Measure {
    fn size(&self, chunk: &str) -> usize {
        let characters = self.scaled(chunk.chars().count());
        tokens::estimate(chunk).max(characters)
    }
}

/// Whether a short paragraph is joined with the next one.
fn fits_after(last: &str, next: &str, measure: Measure) -> bool {
    last.chars().count() < MIN_CHARACTERS
        && measure.size(last) + measure.size(next) < measure.capacity
}

fn split(kind: TextKind, text: &str, measure: Measure) -> Vec<String> {
    let desired = measure.scaled(DESIRED_CHARACTERS);
    let config_without_overlap = || ChunkConfig::new(desired..measure.capacity).with_sizer(measure);
    // The splitter refuses an overlap only above the capacity; pieces without overlap would do.
    let overlap = measure.scaled(OVERLAP_CHARACTERS).min(desired - 1);
    let config = config_without_overlap()
        .with_overlap(overlap)
        .unwrap_or_else(|_| config_without_overlap());
    match kind {
        TextKind::Plain => TextSplitter::new(config)
            .chunks(text)
            .map(str::to_owned)
            .collect(),
        TextKind::Markdown => MarkdownSplitter::new(config)
            .chunks(text)
            .map(str::to_owned)
            .collect(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
