//! The parts that a document is made of.

use serde::{Deserialize, Serialize};

use crate::Position;

/// A part of a document, in reading order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub content: Content,
    /// Where it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// What a block is. Its texts are normalised: NFC, `\n` line ends, no invisible characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A heading; what follows belongs to it until the next one of its level or above.
    Heading {
        /// From 1, the outermost.
        level: u8,
        /// Its text, on one line.
        text: String,
    },
    /// A paragraph.
    Paragraph(String),
    /// The items of a list, each with its own marker (`-`, `3.`); those of an inner list are
    /// indented.
    List(Vec<String>),
    /// Rows of a table.
    Table(Table),
    /// Lines whose breaks matter.
    Code(String),
    /// The text below a picture or a table.
    Caption(String),
}

/// Rows of a table below its header. A long table is several of these with the same header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The names of the columns; empty where the table has none.
    pub header: Vec<String>,
    /// The cells of each row.
    pub rows: Vec<Vec<String>>,
}

impl Block {
    /// A block.
    pub const fn new(content: Content, position: Option<Position>) -> Self {
        Self { content, position }
    }
}
