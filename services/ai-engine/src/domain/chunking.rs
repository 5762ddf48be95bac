//! Splits a text into passages: the one place that says how large they are and what they keep.

use shared_ai_client::TextKind;
use text_splitter::{ChunkConfig, ChunkSizer, MarkdownSplitter, TextSplitter};

use crate::domain::sections::{Section, normalised, sections};
use crate::domain::tokens;

/// Longest passage, characters: what a person reads as one thought, and what a citation shows.
pub const MAX_CHARACTERS: usize = 1000;
/// Paragraphs shorter than this join the next one below the same heading.
const MIN_CHARACTERS: usize = 150;
/// A paragraph that must be cut is cut into pieces of at least this size where its sentences allow.
const DESIRED_CHARACTERS: usize = 600;
/// Pieces of one paragraph share so much text; whole paragraphs share nothing.
const OVERLAP: usize = 120;
/// Tokens of a model's window that are kept free, for its own marks and a prefix.
const RESERVE: usize = 16;
/// A passage shorter than this is embedded together with its heading, which it leans on.
const LEANS_ON_HEADING: usize = 150;

/// A passage of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Its place in the document, from 0.
    pub ordinal: i32,
    /// The headings above it.
    pub heading: Option<String>,
    /// Its text, word for word.
    pub text: String,
}

impl Passage {
    /// What the embedding model reads. A heading would pull every passage below it to the same
    /// place, so only a passage too short to speak for itself has it in front.
    pub fn embedded_text(&self) -> String {
        match &self.heading {
            Some(heading) if self.text.chars().count() < LEANS_ON_HEADING => {
                format!("{heading}\n\n{}", self.text)
            }
            _ => self.text.clone(),
        }
    }
}

/// The passages of a text, for a model that reads `window` tokens.
pub fn passages(kind: TextKind, text: &str, window: usize) -> Vec<Passage> {
    let measure = Measure::for_window(window);
    let found = sections(kind, &normalised(text));
    let texts = found.into_iter().flat_map(|section| {
        let Section {
            heading,
            paragraphs,
        } = section;
        let heading_of = move |text| (heading.clone(), text);
        pieces(kind, paragraphs, measure)
            .into_iter()
            .map(heading_of)
    });
    texts
        .zip(0_i32..)
        .map(|((heading, text), ordinal)| Passage {
            ordinal,
            heading,
            text,
        })
        .collect()
}

/// One size out of two limits: estimated tokens, or characters scaled to tokens. The splitter takes
/// it for granted that a size never exceeds the bytes, so tokens, the scarcer, are the unit.
#[derive(Debug, Clone, Copy)]
struct Measure {
    capacity: usize,
}

impl Measure {
    fn for_window(window: usize) -> Self {
        let tokens = window.saturating_sub(RESERVE);
        // A token has at least one character, so a larger window changes nothing.
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

/// Joins what is short and cuts what is long.
fn pieces(kind: TextKind, paragraphs: Vec<String>, measure: Measure) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    for paragraph in paragraphs {
        match joined.last_mut() {
            Some(last) if fits_after(last, &paragraph, measure) => {
                last.push_str("\n\n");
                last.push_str(&paragraph);
            }
            _ => joined.push(paragraph),
        }
    }
    let cut_long = |text: String| {
        if measure.fits(&text) {
            vec![text]
        } else {
            cut(kind, &text, measure)
        }
    };
    joined.into_iter().flat_map(cut_long).collect()
}

fn fits_after(last: &str, next: &str, measure: Measure) -> bool {
    last.chars().count() < MIN_CHARACTERS
        && measure.size(last) + measure.size(next) < measure.capacity
}

fn cut(kind: TextKind, text: &str, measure: Measure) -> Vec<String> {
    let desired = measure.scaled(DESIRED_CHARACTERS);
    let sized = || ChunkConfig::new(desired..measure.capacity).with_sizer(measure);
    // Below the capacity no overlap is refused; were one, pieces without it would do.
    let overlap = measure.scaled(OVERLAP).min(desired - 1);
    let config = sized().with_overlap(overlap).unwrap_or_else(|_| sized());
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
mod tests;
