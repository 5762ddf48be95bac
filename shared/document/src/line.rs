//! The JSON Lines in which a document is stored and sent, and the limit of their length.

use serde::{Deserialize, Serialize};

use crate::block::{Block, Content, Table};
use crate::failure::ReadFailure;
use crate::position::Position;
use crate::summary::Summary;

/// The longest line in bytes, without the line end.
pub const MAX_LINE: usize = 64 * 1024;

/// The most bytes of text in one block. Escaping at most doubles normalised text, and a line has
/// room for names and positions besides.
const MAX_TEXT: usize = 24 * 1024;
/// A longer heading or name of a column is cut.
const MAX_NAME: usize = 2 * 1024;
/// The most bytes of the names of all columns.
const MAX_HEADER: usize = 8 * 1024;
/// The most bytes of the rows of one block, beside a header.
const MAX_ROWS: usize = 12 * 1024;
/// Bytes of JSON for each cell beside its text.
const CELL_BYTES: usize = 3;

/// One line of a stored document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The next block.
    Block(Block),
    /// The end.
    Summary(Summary),
    /// The end of an attempt that failed; never stored.
    Failure(ReadFailure),
}

/// A line that is not part of a document.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// It is too long.
    #[error("the line has more than {MAX_LINE} bytes")]
    TooLong,
    /// It is something else.
    #[error("the line is none of a document: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl Record {
    /// Parses a line without its end.
    pub fn parse(line: &[u8]) -> Result<Self, BadLine> {
        if line.len() > MAX_LINE {
            return Err(BadLine::TooLong);
        }
        Ok(serde_json::from_slice(line)?)
    }

    /// The line with its end.
    pub fn to_json(&self) -> Result<String, BadLine> {
        let mut json = serde_json::to_string(self)?;
        if json.len() > MAX_LINE {
            return Err(BadLine::TooLong);
        }
        json.push('\n');
        Ok(json)
    }
}

/// Cuts a block into ones that fit on a line: text at white space, lists between items, tables
/// between rows, each with the header.
pub fn pieces(block: Block) -> Vec<Block> {
    let Block { content, position } = block;
    let position = position.map(short_position);
    let same = |content| Block::new(content, position.clone());
    match content {
        Content::Heading { level, text } => {
            let text = head(&text, MAX_NAME).to_owned();
            vec![same(Content::Heading { level, text })]
        }
        Content::Paragraph(text) => cut(text, |text| same(Content::Paragraph(text))),
        Content::Code(text) => cut(text, |text| same(Content::Code(text))),
        Content::Caption(text) => cut(text, |text| same(Content::Caption(text))),
        Content::List(items) => {
            let items = items.into_iter().flat_map(|item| cut(item, |item| item));
            grouped(items, MAX_TEXT, |item| item.len() + CELL_BYTES)
                .into_iter()
                .map(|(_, items)| same(Content::List(items)))
                .collect()
        }
        Content::Table(table) => table_pieces(table, position.as_ref()),
    }
}

fn table_pieces(table: Table, position: Option<&Position>) -> Vec<Block> {
    let mut room = MAX_HEADER;
    let mut header = Vec::new();
    for name in table.header {
        let name = head(&name, MAX_NAME.min(room)).to_owned();
        room = room.saturating_sub(name.len() + CELL_BYTES);
        header.push(name);
        if room == 0 {
            break;
        }
    }
    // A row that does not fit is cut into several.
    let rows = table
        .rows
        .into_iter()
        .enumerate()
        .flat_map(|(number, row)| {
            let cells = row.into_iter().flat_map(|cell| cut_to(cell, MAX_ROWS / 2));
            let parts = grouped(cells, MAX_ROWS, |cell| cell.len() + CELL_BYTES);
            parts.into_iter().map(move |(_, row)| (number, row))
        });
    let size = |(_, row): &(usize, Vec<String>)| -> usize {
        row.iter()
            .map(|cell| cell.len() + CELL_BYTES)
            .sum::<usize>()
            + CELL_BYTES
    };
    let mut found = Vec::new();
    for (_, group) in grouped(rows, MAX_ROWS, size) {
        let first = group.first().map_or(0, |(number, _)| *number);
        let below = u32::try_from(first).unwrap_or(u32::MAX);
        let content = Content::Table(Table {
            header: header.clone(),
            rows: group.into_iter().map(|(_, row)| row).collect(),
        });
        found.push(Block::new(content, position.map(|p| p.rows_below(below))));
    }
    if found.is_empty() && !header.is_empty() {
        let rows = Vec::new();
        found.push(Block::new(
            Content::Table(Table { header, rows }),
            position.cloned(),
        ));
    }
    found
}

/// Groups of consecutive things of at most `limit` bytes together, or of one, with the number of
/// the first.
fn grouped<T>(
    all: impl Iterator<Item = T>,
    limit: usize,
    size: impl Fn(&T) -> usize,
) -> Vec<(usize, Vec<T>)> {
    let mut groups: Vec<(usize, Vec<T>)> = Vec::new();
    let mut used = 0;
    for (number, thing) in all.enumerate() {
        let bytes = size(&thing);
        match groups.last_mut() {
            Some((_, group)) if used + bytes <= limit => {
                group.push(thing);
                used += bytes;
            }
            _ => {
                groups.push((number, vec![thing]));
                used = bytes;
            }
        }
    }
    groups
}

fn cut<T>(text: String, make: impl Fn(String) -> T) -> Vec<T> {
    cut_to(text, MAX_TEXT).into_iter().map(make).collect()
}

/// Cuts a text at white space where it can, or else between characters.
fn cut_to(text: String, limit: usize) -> Vec<String> {
    if text.len() <= limit {
        return vec![text];
    }
    let (mut rest, mut parts) = (text.as_str(), Vec::new());
    while rest.len() > limit {
        let window = head(rest, limit);
        let gap = window.rfind(char::is_whitespace);
        let at = gap.filter(|at| *at > limit / 2).unwrap_or(window.len());
        parts.push(rest[..at].trim_end().to_owned());
        rest = rest[at..].trim_start_matches([' ', '\n']);
    }
    if !rest.is_empty() {
        parts.push(rest.to_owned());
    }
    parts
}

/// The first bytes of a text, cut between characters.
fn head(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

fn short_position(position: Position) -> Position {
    match position {
        Position::Anchor(anchor) => Position::Anchor(head(&anchor, MAX_NAME).to_owned()),
        Position::Row(mut row) => {
            row.sheet = row.sheet.map(|sheet| head(&sheet, MAX_NAME).to_owned());
            Position::Row(row)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;
