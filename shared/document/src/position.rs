//! Where in a file something stands.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where in its file a passage stands; pages, slides and rows are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// The page of a PDF.
    Page(u32),
    /// The slide of a presentation.
    Slide(u32),
    /// The row of a sheet or of a CSV file.
    Row(RowPosition),
    /// The time in a recording, in seconds.
    Seconds(u32),
    /// The id of an element of a page; in an e-book, with the file of the chapter before `#`.
    Anchor(String),
}

/// A row of a table file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = PositionRow)]
pub struct RowPosition {
    /// The sheet; none in a CSV file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The number of the row, as a spreadsheet shows it.
    pub row: u32,
}

impl Position {
    /// The position that many rows below, where rows are counted; the same one elsewhere.
    #[must_use]
    pub fn rows_below(&self, rows: u32) -> Self {
        match self {
            Self::Row(RowPosition { sheet, row }) => Self::Row(RowPosition {
                sheet: sheet.clone(),
                row: row.saturating_add(rows),
            }),
            other => other.clone(),
        }
    }
}
