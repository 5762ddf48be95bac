//! Markdown: `CommonMark` with the tables of `GitHub`. Front matter gives the title and is dropped.

use std::fs::File;
use std::io::{Read, Seek};

use pulldown_cmark::{Options, Parser};
use shared_document::Content;

use crate::charset::TextReader;
use crate::{ExtractError, Extractor, Output};

mod events;

use events::Reader;

/// A text is parsed in segments of at least so many bytes, so that a large one fits into memory.
const MIN_SEGMENT: usize = 1024 * 1024;
/// A segment without a place to end is cut anywhere.
const MAX_SEGMENT: usize = 4 * 1024 * 1024;
/// A picture in base64 is one line.
const MAX_LINE: usize = 16 * 1024 * 1024;
/// Front matter has at most so many lines.
const MAX_FRONT_MATTER: usize = 200;

/// What is Markdown.
const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_FOOTNOTES);

/// Markdown.
pub(crate) struct Markdown;

impl Extractor for Markdown {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        Self::read_text(input, OPTIONS, output)
    }
}

impl Markdown {
    /// Reads a page of a note-taking program, whose links to other pages are `[[like this]]`.
    pub(crate) fn read_note(
        input: &mut (impl Read + Seek),
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        Self::read_text(input, OPTIONS.union(Options::ENABLE_WIKILINKS), output)
    }

    fn read_text(
        input: &mut (impl Read + Seek),
        options: Options,
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        let mut lines = TextReader::open(input, output)?.with_max_line(MAX_LINE);
        let mut segment = Segment::of(options);
        let mut is_start = true;
        while let Some(line) = lines.next_line()? {
            if segment.ends_before(&line) {
                segment.parse(is_start, output)?;
                is_start = false;
            }
            segment.push(&line);
        }
        segment.parse(is_start, output)?;
        lines.finish(output);
        Ok(())
    }
}

/// Lines that are parsed together.
struct Segment {
    options: Options,
    text: String,
    /// The sign and the length of the fence that is open.
    fence: Option<(char, usize)>,
}

impl Segment {
    const fn of(options: Options) -> Self {
        Self {
            options,
            text: String::new(),
            fence: None,
        }
    }

    /// Whether the segment may end before this line: nothing that is open goes on in it.
    fn ends_before(&self, line: &str) -> bool {
        let is_heading = line.starts_with('#') && self.fence.is_none();
        self.text.len() > MIN_SEGMENT && is_heading || self.text.len() > MAX_SEGMENT
    }

    fn push(&mut self, line: &str) {
        let start = line.trim_start_matches(' ');
        let sign = start
            .chars()
            .next()
            .filter(|sign| matches!(sign, '`' | '~'));
        if let Some(sign) = sign {
            let length = start.chars().take_while(|c| *c == sign).count();
            let info = &start[length..];
            match self.fence {
                None if length >= 3 && !(sign == '`' && info.contains('`')) => {
                    self.fence = Some((sign, length));
                }
                Some((open, least))
                    if open == sign && length >= least && info.trim().is_empty() =>
                {
                    self.fence = None;
                }
                _ => {}
            }
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn parse(&mut self, is_start: bool, output: &mut Output<'_>) -> Result<(), ExtractError> {
        let text = std::mem::take(&mut self.text);
        // A fence that is open where the text was cut is closed by the parser.
        self.fence = None;
        let mut body = text.as_str();
        if is_start && let Some((title, rest)) = front_matter(body) {
            if let Some(title) = title {
                output.title(title);
            }
            body = rest;
        }
        let mut reader = Reader::new(output);
        for event in Parser::new_ext(body, self.options) {
            reader.event(event)?;
        }
        reader.finish()
    }
}

/// The title in the front matter of a text, and the text behind it. What does not look like keys
/// and values is a text between two rules.
fn front_matter(text: &str) -> Option<(Option<&str>, &str)> {
    let (first, mut rest) = text.split_once('\n')?;
    let mark = first.trim_end();
    let ends: &[&str] = match mark {
        "---" => &["---", "..."],
        "+++" => &["+++"],
        _ => return None,
    };
    let (mut title, mut has_keys) = (None, false);
    for _ in 0..MAX_FRONT_MATTER {
        let (line, behind) = rest.split_once('\n')?;
        rest = behind;
        let line = line.trim_end();
        if ends.contains(&line) {
            return has_keys.then_some((title, rest));
        }
        let is_inner = line.is_empty() || line.starts_with([' ', '\t', '-', '#', ']', '}']);
        let key = line.split_once([':', '=']);
        let is_word = |key: &str| {
            let inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'');
            !key.is_empty() && key.chars().all(inner)
        };
        match key.map(|(key, value)| (key.trim(), value.trim())) {
            Some((key, value)) if is_word(key) => {
                has_keys = true;
                if key.eq_ignore_ascii_case("title") {
                    title = Some(value.trim_matches(['"', '\'']));
                }
            }
            _ if is_inner || line.starts_with('[') => {}
            _ => return None,
        }
    }
    None
}

/// Writes the blocks of HTML that stands in a text.
fn embedded_html(html: &str, output: &mut Output<'_>) -> Result<(), ExtractError> {
    let is_tags_only = {
        let mut depth = 0_u32;
        !html.chars().any(|c| {
            match c {
                '<' => depth += 1,
                '>' => depth = depth.saturating_sub(1),
                _ => return depth == 0 && !c.is_whitespace(),
            }
            false
        })
    };
    if is_tags_only && !html.contains("alt=") {
        return Ok(());
    }
    match crate::html::fragment_blocks(html, None, output) {
        Err(ExtractError::File(_)) => output.block(Content::Paragraph(html.to_owned()), None),
        other => other,
    }
}

#[cfg(test)]
mod tests;
