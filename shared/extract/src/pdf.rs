//! PDF: the text of each page as `pdftotext` gives it, without what repeats on every page.

pub(crate) mod relay;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Cursor, Read, Seek};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdout, ExitStatus};

use shared_document::{Content, Position, ReadFailure, WarningCode};

use crate::{ExtractError, Extractor, Output, kind};

pub use relay::PdfHelper;

/// The program that reads PDF, of Debian's poppler-utils.
pub(crate) const PROGRAM: &str = "/usr/bin/pdftotext";

/// The most bytes of text of all pages.
const MAX_TEXT: u64 = 48 * 1024 * 1024;
/// The most pages.
const MAX_PAGES: usize = 10_000;
/// The most lines of a page header or footer.
const EDGE_LINES: usize = 2;
/// Lines are a header or footer if they repeat on at least so many pages, and on half of them.
const MIN_REPEATS: usize = 3;
/// The signal of a process whose CPU time is up.
const SIGXCPU: i32 = 24;
/// The signal of a process that used CPU time beyond the hard limit.
const SIGKILL: i32 = 9;

/// How PDF is read.
#[derive(Debug)]
pub enum PdfReader {
    /// The file is one: the running program has it, and its output is the text.
    Program(Child),
    /// Files within the file are read by a helper.
    Helper(PdfHelper),
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with a status.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl End {
    fn of(status: ExitStatus) -> Self {
        status
            .signal()
            .map_or_else(|| Self::Code(status.code().unwrap_or(-1)), Self::Signal)
    }
}

/// The text of a file, and after it how the program ended.
trait Text: Read {
    /// How the program ended.
    fn end(self) -> io::Result<End>;
}

/// The text of the one program.
struct ProgramText<'p> {
    program: &'p mut Child,
    output: ChildStdout,
}

impl Read for ProgramText<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Text for ProgramText<'_> {
    fn end(self) -> io::Result<End> {
        drop(self.output);
        Ok(End::of(self.program.wait()?))
    }
}

/// A PDF.
pub(crate) struct Pdf {
    program: RefCell<Child>,
}

impl Pdf {
    pub(crate) const fn new(program: Child) -> Self {
        Self {
            program: RefCell::new(program),
        }
    }

    /// Reads a PDF within an archive.
    pub(crate) fn read_within(
        helper: &mut PdfHelper,
        pdf: &[u8],
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        let text = helper.text_of(pdf)?;
        read(&mut Cursor::new(pdf), text, output)
    }
}

impl Extractor for Pdf {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        let mut program = self.program.borrow_mut();
        let text = program.stdout.take().ok_or(ReadFailure::ReaderFailed)?;
        let text = ProgramText {
            program: &mut program,
            output: text,
        };
        read(input, text, output)
    }
}

fn read(
    input: &mut (impl Read + Seek),
    mut text: impl Text,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    let pages = pages(&mut text);
    // Waited for in any case: the program must not outlive its file.
    let end = text.end()?;
    let pages = pages?;
    if end != End::Code(0) {
        return Err(failure(input, end)?.into());
    }
    let (repeated, first) = (Repeated::of(&pages), output.blocks());
    for (number, page) in pages.iter().enumerate() {
        let number = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let position = Some(Position::Page(number));
        let before = output.blocks();
        for paragraph in paragraphs(repeated.inner(page)) {
            output.block(Content::Paragraph(paragraph), position.clone())?;
        }
        if output.blocks() == before {
            output.warn(WarningCode::PageWithoutText, position);
        }
    }
    if output.blocks() == first {
        return Err(ReadFailure::NoText.into());
    }
    Ok(())
}

/// The pages of the text; each ends with a form feed.
fn pages(text: &mut impl Read) -> Result<Vec<String>, ExtractError> {
    let mut text = BufReader::new(text.take(MAX_TEXT + 1));
    let (mut pages, mut page, mut total) = (Vec::new(), Vec::new(), 0);
    loop {
        page.clear();
        let read = text.read_until(b'\x0c', &mut page)?;
        total += read as u64;
        if total > MAX_TEXT {
            return Err(ReadFailure::TooMuchText.into());
        }
        if read == 0 {
            return Ok(pages);
        }
        if pages.len() == MAX_PAGES {
            return Err(ReadFailure::TooManyParts.into());
        }
        let is_page = page.pop_if(|last| *last == b'\x0c').is_some();
        if is_page || !page.trim_ascii().is_empty() {
            pages.push(String::from_utf8_lossy(&page).into_owned());
        }
    }
}

/// Why the program failed.
fn failure(input: &mut (impl Read + Seek), end: End) -> Result<ReadFailure, ExtractError> {
    Ok(match end {
        End::Signal(SIGXCPU | SIGKILL) => ReadFailure::TimedOut,
        // It aborts when it runs out of memory.
        End::Signal(_) => ReadFailure::OutOfMemory,
        // The author does not permit to extract text.
        End::Code(3) => ReadFailure::Encrypted,
        End::Code(1) if kind::contains(input, b"/Encrypt")? => ReadFailure::Encrypted,
        // 99 is any other fault of the file, such as a tree of pages without a page.
        End::Code(1..=2 | 99) => ReadFailure::Damaged,
        End::Code(_) => ReadFailure::ReaderFailed,
    })
}

/// Lines at the edges of pages that repeat, whatever numbers are in them.
struct Repeated {
    counts: HashMap<String, usize>,
    least: usize,
}

impl Repeated {
    fn of(pages: &[String]) -> Self {
        let mut counts = HashMap::new();
        for page in pages {
            let lines = filled(page);
            let top = lines.iter().take(EDGE_LINES);
            let bottom = lines.iter().skip(EDGE_LINES).rev().take(EDGE_LINES);
            for line in top.chain(bottom) {
                *counts.entry(shape(line)).or_insert(0) += 1;
            }
        }
        let least = MIN_REPEATS.max(pages.len().div_ceil(2));
        Self { counts, least }
    }

    fn is_repeated(&self, line: &str) -> bool {
        self.counts
            .get(&shape(line))
            .is_some_and(|count| *count >= self.least)
    }

    /// The page without its header and footer. A page with nothing else keeps them.
    fn inner<'p>(&self, page: &'p str) -> &'p str {
        let lines = filled(page);
        let is_repeated = |line: &&&str| self.is_repeated(line);
        let top = lines
            .iter()
            .take(EDGE_LINES)
            .take_while(is_repeated)
            .count();
        let rest = lines.get(top..).unwrap_or_default();
        let bottom = rest
            .iter()
            .rev()
            .take(EDGE_LINES)
            .take_while(is_repeated)
            .count();
        let rest = rest.get(..rest.len() - bottom).unwrap_or_default();
        let (Some(first), Some(last)) = (rest.first(), rest.last()) else {
            return page;
        };
        let start = first.as_ptr() as usize - page.as_ptr() as usize;
        let end = last.as_ptr() as usize - page.as_ptr() as usize + last.len();
        page.get(start..end).unwrap_or(page)
    }
}

fn filled(page: &str) -> Vec<&str> {
    page.lines()
        .filter(|line| !line.trim().is_empty())
        .collect()
}

fn shape(line: &str) -> String {
    let digit = |c: char| if c.is_numeric() { '0' } else { c };
    let mut shape: String = line.trim().chars().map(digit).collect();
    while shape.contains("00") {
        shape = shape.replace("00", "0");
    }
    shape
}

/// The paragraphs of a page: lines are joined, and so are words that were hyphenated at
/// a line's end.
fn paragraphs(page: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in page.lines() {
        let line = line.trim();
        let Some(text) = found.last_mut() else {
            break;
        };
        if line.is_empty() {
            if !text.is_empty() {
                found.push(String::new());
            }
            continue;
        }
        let is_item = line.starts_with(['•', '◦', '▪', '–', '‣', '·', '*']);
        let continues = line.chars().next().is_some_and(char::is_lowercase);
        match text.is_empty() {
            true => {}
            false if is_item => text.push('\n'),
            false if continues && is_parted(text) => drop(text.pop()),
            false => text.push(' '),
        }
        text.push_str(line);
    }
    found.retain(|text| !text.is_empty());
    found
}

/// Whether a text ends with a hyphenated part of a word.
fn is_parted(text: &str) -> bool {
    let mut last = text.chars().rev();
    matches!(last.next(), Some('-' | '\u{ad}' | '\u{2010}'))
        && last.next().is_some_and(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_footers_go_and_a_page_of_nothing_else_stays() {
        let page = |n: u32| {
            format!(
                "The Handbook\n\nText {}.\n\nMill Press   {n} of 12\n",
                "x".repeat(n as usize)
            )
        };
        let mut pages: Vec<String> = (1..=12).map(page).collect();
        pages.push("The Handbook\n".to_owned());
        let repeated = Repeated::of(&pages);
        assert_eq!(repeated.inner(&pages[8]), "Text xxxxxxxxx.");
        assert_eq!(repeated.inner(&pages[12]), "The Handbook\n");
        let few = [page(1), page(2)];
        assert!(Repeated::of(&few).inner(&few[0]).contains("Mill Press"));
    }

    #[test]
    fn lines_and_parted_words_are_joined() {
        let page =
            "A steady eve-\nning makes the next\nmorning easier.\n\n• one\n• two\n\nAnna-\nMaria";
        assert_eq!(
            paragraphs(page),
            [
                "A steady evening makes the next morning easier.",
                "• one\n• two",
                "Anna- Maria"
            ]
        );
    }
}
