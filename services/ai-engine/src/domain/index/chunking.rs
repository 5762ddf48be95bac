//! Splits a text into passages. All sizes of passages are decided here.

use shared_ai_client::TextKind;
use text_splitter::{ChunkConfig, ChunkSizer, MarkdownSplitter, TextSplitter};

use crate::domain::index::sections::{Section, normalise, sections};
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

/// Splits a text into passages for a model with a context window of `window` tokens.
pub(crate) fn passages(kind: TextKind, text: &str, window: usize) -> Vec<Passage> {
    let measure = Measure::for_window(window);
    let found = sections(kind, &normalise(text));
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

/// Joins short paragraphs and splits long ones.
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
    let split_if_long = |text: String| {
        if measure.fits(&text) {
            vec![text]
        } else {
            split(kind, &text, measure)
        }
    };
    joined.into_iter().flat_map(split_if_long).collect()
}

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
mod tests;
