//! Makes passages out of parts: joins what is short, cuts what is long where its structure permits.

use shared_document::{Position, Table};
use text_splitter::ChunkSizer as _;

use crate::domain::index::chunking::{MIN_CHARACTERS, Measure, Passage};
use crate::domain::index::headings::{Body, Part};

/// Stands between the cells of a row.
pub(crate) const CELL_SEPARATOR: &str = " | ";
/// A longer paragraph introduces the list behind it only where both fit into one passage.
const MAX_LEAD: usize = 200;

/// The passage that is being made, which the next part may be joined with.
#[derive(Debug)]
struct Pending {
    section: usize,
    heading: Option<String>,
    text: String,
    position: Option<Position>,
    /// The header of the table that it ends with.
    table: Option<Vec<String>>,
}

/// Joins parts to passages, one document from its beginning to its end.
#[derive(Debug)]
pub(super) struct Joiner {
    measure: Measure,
    last: Option<Pending>,
    next_ordinal: i32,
    found: Vec<Passage>,
}

impl Joiner {
    pub(super) const fn new(measure: Measure) -> Self {
        Self {
            measure,
            last: None,
            next_ordinal: 0,
            found: Vec::new(),
        }
    }

    /// The passages that are complete with these parts.
    pub(super) fn join(&mut self, parts: Vec<Part>) -> Vec<Passage> {
        for part in parts {
            self.push(&part);
        }
        std::mem::take(&mut self.found)
    }

    /// The passages at the end of the document.
    pub(super) fn finish(&mut self) -> Vec<Passage> {
        self.flush();
        std::mem::take(&mut self.found)
    }

    fn push(&mut self, part: &Part) {
        // What stands elsewhere must not be cited with the position of what is before it.
        let is_elsewhere = |last: &Pending| match (&last.position, &part.position) {
            (Some(last), Some(next)) => !last.is_near(next),
            _ => false,
        };
        if self
            .last
            .as_ref()
            .is_some_and(|last| last.section != part.section || is_elsewhere(last))
        {
            self.flush();
        }
        match &part.body {
            Body::Text(text) => self.push_text(part, text),
            Body::List(items) => self.push_list(part, items),
            Body::Table(table) => self.push_table(part, table),
            Body::Code(code) => self.push_code(part, code),
        }
    }

    fn push_text(&mut self, part: &Part, text: &str) {
        if self.joins_short(text) {
            self.append("\n\n", text);
        } else {
            self.begin(part, text.to_owned(), part.position.clone());
        }
    }

    /// A list stays with the paragraph that introduces it; cut, each piece repeats a short one.
    fn push_list(&mut self, part: &Part, items: &[String]) {
        let whole = items.join("\n");
        let lead = self.last.as_ref().filter(|last| last.table.is_none());
        let lead = lead.and_then(|last| last.text.rsplit("\n\n").next());
        let lead = lead
            .map(str::trim_end)
            .filter(|lead| lead.ends_with([':', '：']) && lead.chars().count() <= MAX_LEAD);
        let lead = lead.map(str::to_owned);
        let fits_whole = self.fits_behind(&whole);
        let fits_first = items.first().is_some_and(|item| self.fits_behind(item));
        if !(fits_whole && self.last.is_some() || lead.is_some() && fits_first) {
            self.flush();
        }
        self.push_lines(
            part,
            items.iter().map(String::as_str),
            lead.as_deref(),
            "\n\n",
        );
    }

    /// Code is cut between lines.
    fn push_code(&mut self, part: &Part, code: &str) {
        if !self.joins_short(code) {
            self.flush();
        }
        self.push_lines(part, code.lines(), None, "\n\n");
    }

    /// Adds lines to passages, as many as fit; each further passage begins with `lead`.
    fn push_lines<'l>(
        &mut self,
        part: &Part,
        lines: impl Iterator<Item = &'l str>,
        lead: Option<&str>,
        first_gap: &str,
    ) {
        let mut gap = first_gap;
        for line in lines {
            if self.last.is_some() && self.fits_behind(line) {
                self.append(gap, line);
            } else {
                let text = match lead {
                    Some(lead) if self.fits_together(lead, line) => format!("{lead}\n{line}"),
                    _ => line.to_owned(),
                };
                self.begin(part, text, part.position.clone());
            }
            gap = "\n";
        }
    }

    /// Each passage of a table repeats its header.
    fn push_table(&mut self, part: &Part, table: &Table) {
        let capacity = self.measure.capacity();
        let header = shown(&table.header);
        let pieces = self.measure.split(&header, capacity / 2);
        let header = pieces.first().cloned().unwrap_or_default();
        let room = capacity
            .saturating_sub(self.measure.size(&header) + 2)
            .max(2);
        let continued = |last: &Pending| last.table.as_ref() == Some(&table.header);
        let mut is_open = !header.is_empty() && self.last.as_ref().is_some_and(continued);
        let below = |rows: usize| {
            let rows = u32::try_from(rows).unwrap_or(u32::MAX);
            part.position
                .as_ref()
                .map(|position| position.rows_below(rows))
        };
        if table.rows.is_empty() && !is_open {
            self.begin_table(part, table, header.clone(), below(0));
        }
        for (number, row) in table.rows.iter().enumerate() {
            for row in self.measure.split(&shown(row), room) {
                if is_open && self.fits_behind(&row) {
                    self.append("\n", &row);
                } else {
                    let text = [header.as_str(), row.as_str()];
                    let text = text.map(str::trim).join("\n").trim().to_owned();
                    self.begin_table(part, table, text, below(number));
                    is_open = true;
                }
            }
        }
    }

    /// A passage of a table; a short paragraph before its first one says what it is about.
    fn begin_table(
        &mut self,
        part: &Part,
        table: &Table,
        text: String,
        position: Option<Position>,
    ) {
        if self.joins_short(&text) {
            self.append("\n\n", &text);
        } else {
            self.begin(part, text, position);
        }
        if let Some(last) = &mut self.last {
            last.table = Some(table.header.clone());
        }
    }

    /// Whether the last passage is short, and so has room for what comes next.
    fn joins_short(&self, next: &str) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| last.table.is_none() && last.text.chars().count() < MIN_CHARACTERS)
            && self.fits_behind(next)
    }

    fn fits_behind(&self, next: &str) -> bool {
        self.last
            .as_ref()
            .is_none_or(|last| self.fits_together(&last.text, next))
    }

    fn fits_together(&self, first: &str, second: &str) -> bool {
        self.measure.size(first) + self.measure.size(second) < self.measure.capacity()
    }

    fn append(&mut self, gap: &str, text: &str) {
        if let Some(last) = &mut self.last {
            last.text.push_str(gap);
            last.text.push_str(text);
        }
    }

    fn begin(&mut self, part: &Part, text: String, position: Option<Position>) {
        self.flush();
        self.last = Some(Pending {
            section: part.section,
            heading: part.heading.clone(),
            text,
            position,
            table: None,
        });
    }

    fn flush(&mut self) {
        let Some(last) = self.last.take() else {
            return;
        };
        let texts = if self.measure.fits(&last.text) {
            vec![last.text]
        } else {
            self.measure.split(&last.text, self.measure.capacity())
        };
        for text in texts.into_iter().filter(|text| !text.trim().is_empty()) {
            self.found.push(Passage {
                ordinal: self.next_ordinal,
                heading: last.heading.clone(),
                text,
                position: last.position.clone(),
            });
            self.next_ordinal = self.next_ordinal.saturating_add(1);
        }
    }
}

fn shown(cells: &[String]) -> String {
    cells.join(CELL_SEPARATOR)
}
