//! SRT and VTT: what is said, with the second at which it begins.

use std::fs::File;
use std::io::{Read, Seek};

use shared_document::{Content, Position};

use crate::charset::TextReader;
use crate::{ExtractError, Extractor, Output};

/// Cues are joined until so many characters and the end of a sentence …
const DESIRED_CHARACTERS: usize = 250;
/// … or so many characters …
const MAX_CHARACTERS: usize = 800;
/// … or a pause of so many seconds.
const PAUSE_SECONDS: u32 = 8;

/// Subtitles of either form.
pub(crate) struct Subtitles;

/// What is said without a pause.
#[derive(Default)]
struct Speech {
    start: u32,
    end: u32,
    text: String,
}

impl Speech {
    fn is_complete(&self) -> bool {
        let ends = |text: &str| text.ends_with(['.', '!', '?', '…', '。', '！', '？', '"']);
        let length = self.text.chars().count();
        length > MAX_CHARACTERS || length > DESIRED_CHARACTERS && ends(&self.text)
    }

    fn write(&mut self, output: &mut Output<'_>) -> Result<(), ExtractError> {
        let text = Content::Paragraph(std::mem::take(&mut self.text));
        output.block(text, Some(Position::Seconds(self.start)))
    }
}

impl Extractor for Subtitles {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        Self::read_text(input, output)
    }
}

impl Subtitles {
    /// Reads a text from its beginning.
    pub(crate) fn read_text(
        input: &mut (impl Read + Seek),
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        let mut lines = TextReader::open(input, output)?;
        let mut speech = Speech::default();
        let mut is_cue = false;
        while let Some(line) = lines.next_line()? {
            if let Some((start, end)) = times(&line) {
                is_cue = true;
                if speech.is_complete() || start > speech.end.saturating_add(PAUSE_SECONDS) {
                    speech.write(output)?;
                }
                if speech.text.is_empty() {
                    speech.start = start;
                }
                speech.end = end;
            } else if line.trim().is_empty() {
                // Whatever follows before the next times is a number, a note or a style.
                is_cue = false;
            } else if is_cue {
                let said = without_tags(&line);
                let said = said.trim();
                if !speech.text.is_empty() && !said.is_empty() {
                    speech.text.push(' ');
                }
                speech.text.push_str(said);
                if speech.text.len() > 4 * MAX_CHARACTERS {
                    speech.write(output)?;
                }
            }
        }
        speech.write(output)?;
        lines.finish(output);
        Ok(())
    }
}

/// The seconds of a line like `00:01:02,500 --> 00:01:04,000`.
fn times(line: &str) -> Option<(u32, u32)> {
    let (start, end) = line.split_once("-->")?;
    Some((
        seconds(start.trim())?,
        seconds(end.split_whitespace().next()?)?,
    ))
}

fn seconds(time: &str) -> Option<u32> {
    let whole = time.split([',', '.']).next()?;
    let mut total: u32 = 0;
    for part in whole.split(':') {
        total = total.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    Some(total)
}

/// The words of a line: `<v Ana>` names the speaker, other tags and `{\an8}` style.
fn without_tags(line: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while let Some(at) = rest.find(['<', '{']) {
        text.push_str(&rest[..at]);
        let (open, close) = if rest[at..].starts_with('<') {
            ('<', '>')
        } else {
            ('{', '}')
        };
        let Some(end) = rest[at..].find(close) else {
            break;
        };
        let tag = &rest[at + 1..at + end];
        let is_tag = open == '<' || tag.starts_with('\\');
        if let Some(speaker) = tag.strip_prefix("v ").filter(|_| open == '<') {
            text.push_str(speaker.trim());
            text.push_str(": ");
        } else if !is_tag {
            text.push_str(&rest[at..=at + end]);
        }
        rest = &rest[at + end + 1..];
    }
    text.push_str(rest);
    text.replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::blocks;

    fn said(text: &str, extension: &str) -> Vec<(String, u32)> {
        let blocks = blocks(text.as_bytes(), extension).into_iter();
        let cue = blocks.map(|block| match (block.content, block.position) {
            (Content::Paragraph(text), Some(Position::Seconds(at))) => (text, at),
            other => panic!("{other:?}"),
        });
        cue.collect()
    }

    #[test]
    fn cues_are_joined_until_somebody_pauses() {
        let srt = "1\r\n00:00:01,000 --> 00:00:03,000\r\n<i>Breathe in</i>\r\nslowly\r\n\r\n\
            2\r\n00:00:03,500 --> 00:00:05,000\r\n{\\an8}and out.\r\n\r\n\
            3\r\n01:01:00,000 --> 01:01:02,000\r\nLater & {so}.\r\n";
        let expected = [("Breathe in slowly and out.", 1), ("Later & {so}.", 3660)];
        let found = said(srt, "srt");
        let found: Vec<_> = found
            .iter()
            .map(|(text, at)| (text.as_str(), *at))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn notes_styles_and_numbers_of_vtt_are_not_said() {
        let vtt = "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nNOTE nobody says this\n\n\
            intro\n00:01.000 --> 00:02.000 align:start\n<v Ana>Hello &amp; welcome.</v>\n";
        assert_eq!(said(vtt, "vtt"), [("Ana: Hello & welcome.".to_owned(), 1)]);
        assert_eq!(said(vtt, "txt").len(), 1, "whatever its name is");
    }
}
