//! Parses the structure of a text, line by line: headings and the paragraphs under them. Only for
//! texts of creator-hub 0.1, which does not send blocks; to be removed with `NewIngestion`.

use shared_ai_client::TextKind;

/// Separates the headings of a path.
const HEADING_SEPARATOR: &str = " > ";
/// The longest heading path in characters; a longer one is truncated.
const MAX_HEADING: usize = 300;

/// A longer paragraph is cut, so that a text without empty lines need not fit into memory.
const MAX_PARAGRAPH: usize = 256 * 1024;

/// A paragraph and where it stands; a fenced code block is one paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paragraph {
    /// The number of the section: paragraphs under one heading have the same.
    pub(crate) section: usize,
    /// The path of headings above it, outermost first.
    pub(crate) heading: Option<String>,
    pub(crate) text: String,
}

/// Removes control characters, some of which PostgreSQL cannot store, and byte order marks.
fn visible(line: &str) -> String {
    let is_visible = |c: &char| (!c.is_control() || *c == '\t') && *c != '\u{feff}';
    line.chars().filter(is_visible).collect()
}

/// Parses `## Title` as a heading of level 2.
fn hash_heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let title = line.get(level..)?.strip_prefix(' ')?;
    let title = title.trim().trim_end_matches('#').trim();
    ((1..=6).contains(&level) && !title.is_empty()).then_some((level, title))
}

/// Parses a line above `===` or `---` as a heading of level 1 or 2.
fn underlined_heading(line: &str, below: &str) -> Option<usize> {
    let below = below.trim_end();
    let plain = !line.trim().is_empty() && !line.starts_with([' ', '\t', '-', '>', '|']);
    let all = |sign: u8| below.len() >= 3 && below.bytes().all(|byte| byte == sign);
    match (plain, all(b'='), all(b'-')) {
        (true, true, _) => Some(1),
        (true, _, true) => Some(2),
        _ => None,
    }
}

/// Reads the lines of a text and gives its paragraphs.
#[derive(Debug)]
pub(crate) struct Outline {
    kind: TextKind,
    /// The line before the current one: whether it is a heading depends on the line below it.
    held: Option<String>,
    path: Vec<(usize, String)>,
    heading: Option<String>,
    section: usize,
    paragraph: String,
    fenced: bool,
    found: Vec<Paragraph>,
}

impl Outline {
    pub(crate) const fn new(kind: TextKind) -> Self {
        Self {
            kind,
            held: None,
            path: Vec::new(),
            heading: None,
            section: 0,
            paragraph: String::new(),
            fenced: false,
            found: Vec::new(),
        }
    }

    /// Reads the next line.
    pub(crate) fn push(&mut self, line: &str) {
        let line = visible(line);
        if let Some(held) = self.held.take() {
            let markdown = self.kind == TextKind::Markdown && !self.fenced;
            let underlined = underlined_heading(&held, &line).filter(|_| markdown);
            // A heading by its own signs is one whatever is below it.
            if let Some(level) = underlined.filter(|_| hash_heading(&held).is_none()) {
                self.open_section(level, held.trim());
                return;
            }
            self.add_line(&held);
        }
        self.held = Some(line);
    }

    /// Reads the end of the text.
    pub(crate) fn finish(&mut self) {
        if let Some(held) = self.held.take() {
            self.add_line(&held);
        }
        self.close_paragraph();
    }

    /// The paragraphs that are complete since the last call.
    pub(crate) fn take(&mut self) -> Vec<Paragraph> {
        std::mem::take(&mut self.found)
    }

    fn open_section(&mut self, level: usize, title: &str) {
        self.close_paragraph();
        self.section += 1;
        self.path.retain(|(above, _)| *above < level);
        self.path.push((level, title.to_owned()));
        let titles: Vec<&str> = self.path.iter().map(|(_, title)| title.as_str()).collect();
        let heading: String = titles
            .join(HEADING_SEPARATOR)
            .chars()
            .take(MAX_HEADING)
            .collect();
        self.heading = (!heading.is_empty()).then_some(heading);
    }

    fn add_line(&mut self, line: &str) {
        let markdown = self.kind == TextKind::Markdown;
        if let Some((level, title)) = hash_heading(line).filter(|_| markdown && !self.fenced) {
            self.open_section(level, title);
            return;
        }
        let start = line.trim_start();
        let fence = markdown && (start.starts_with("```") || start.starts_with("~~~"));
        if fence {
            self.fenced = !self.fenced;
        }
        if line.trim().is_empty() && !self.fenced {
            self.close_paragraph();
            return;
        }
        if self.paragraph.len() + line.len() > MAX_PARAGRAPH {
            self.close_paragraph();
        }
        if !self.paragraph.is_empty() {
            self.paragraph.push('\n');
        }
        self.paragraph.push_str(line.trim_end());
    }

    fn close_paragraph(&mut self) {
        let text = std::mem::take(&mut self.paragraph);
        if !text.trim().is_empty() {
            self.found.push(Paragraph {
                section: self.section,
                heading: self.heading.clone(),
                text,
            });
        }
    }
}

#[cfg(test)]
mod tests;
