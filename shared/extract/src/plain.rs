//! Plain text: paragraphs are parted by empty lines.

use std::fs::File;
use std::io::{Read, Seek};

use shared_document::Content;

use crate::charset::TextReader;
use crate::{ExtractError, Extractor, Output};

/// Shorter paragraphs share a block, since each block adds some 40 bytes of JSON.
const MIN_CHARACTERS: usize = 150;
/// A longer paragraph is cut at a line end.
const MAX_BYTES: usize = 16 * 1024;

/// Plain text.
pub(crate) struct Plain;

impl Extractor for Plain {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        Self::read_text(input, output)
    }
}

impl Plain {
    /// Reads a text from its beginning.
    pub(crate) fn read_text(
        input: &mut (impl Read + Seek),
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        let mut lines = TextReader::open(input, output)?;
        let mut block = String::new();
        let mut is_after_gap = false;
        while let Some(line) = lines.next_line()? {
            if line.trim().is_empty() {
                is_after_gap = true;
                continue;
            }
            let is_long = block.chars().take(MIN_CHARACTERS).count() == MIN_CHARACTERS;
            if is_after_gap && is_long || block.len() + line.len() > MAX_BYTES {
                output.block(Content::Paragraph(std::mem::take(&mut block)), None)?;
            }
            if !block.is_empty() {
                block.push_str(if is_after_gap { "\n\n" } else { "\n" });
            }
            is_after_gap = false;
            block.push_str(&line);
        }
        output.block(Content::Paragraph(block), None)?;
        lines.finish(output);
        Ok(())
    }
}
