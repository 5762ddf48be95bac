//! Parses the structure of a text: headings and the paragraphs under them.

use shared_ai_client::TextKind;

/// Separates the headings of a path.
const HEADING_SEPARATOR: &str = " > ";
/// The longest heading path in characters; a longer one is truncated.
const MAX_HEADING: usize = 300;

/// The text under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// The path of headings, outermost first.
    pub(crate) heading: Option<String>,
    /// The paragraphs; a fenced code block is one paragraph.
    pub(crate) paragraphs: Vec<String>,
}

/// Removes control characters, some of which PostgreSQL cannot store, and the byte order mark;
/// line endings become `\n`.
pub(crate) fn normalise(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let visible = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.trim_start_matches('\u{feff}')
        .chars()
        .filter(visible)
        .collect()
}

/// Splits a normalised text into its sections.
pub(crate) fn sections(kind: TextKind, text: &str) -> Vec<Section> {
    let mut outline = Outline::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let markdown = kind == TextKind::Markdown && !outline.fenced;
        let below = lines.peek().copied().unwrap_or_default();
        if let Some((level, title)) = hash_heading(line).filter(|_| markdown) {
            outline.open_section(level, title);
        } else if let Some(level) = underlined_heading(line, below).filter(|_| markdown) {
            outline.open_section(level, line.trim());
            lines.next();
        } else {
            outline.add_line(line, kind == TextKind::Markdown);
        }
    }
    outline.finish()
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

#[derive(Debug, Default)]
struct Outline {
    path: Vec<(usize, String)>,
    paragraphs: Vec<String>,
    paragraph: String,
    fenced: bool,
    found: Vec<Section>,
}

impl Outline {
    fn open_section(&mut self, level: usize, title: &str) {
        self.close_section();
        self.path.retain(|(above, _)| *above < level);
        self.path.push((level, title.to_owned()));
    }

    fn add_line(&mut self, line: &str, markdown: bool) {
        let start = line.trim_start();
        let fence = markdown && (start.starts_with("```") || start.starts_with("~~~"));
        if fence {
            self.fenced = !self.fenced;
        }
        if line.trim().is_empty() && !self.fenced {
            self.close_paragraph();
            return;
        }
        if !self.paragraph.is_empty() {
            self.paragraph.push('\n');
        }
        self.paragraph.push_str(line.trim_end());
    }

    fn close_paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        if !paragraph.trim().is_empty() {
            self.paragraphs.push(paragraph);
        }
    }

    fn close_section(&mut self) {
        self.close_paragraph();
        if self.paragraphs.is_empty() {
            return;
        }
        let titles: Vec<&str> = self.path.iter().map(|(_, title)| title.as_str()).collect();
        let heading: String = titles
            .join(HEADING_SEPARATOR)
            .chars()
            .take(MAX_HEADING)
            .collect();
        self.found.push(Section {
            heading: (!heading.is_empty()).then_some(heading),
            paragraphs: std::mem::take(&mut self.paragraphs),
        });
    }

    fn finish(mut self) -> Vec<Section> {
        self.close_section();
        self.found
    }
}

#[cfg(test)]
mod tests;
