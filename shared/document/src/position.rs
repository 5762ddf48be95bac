//! Where in a file something stands.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Positions in a recording that are at most so many seconds apart are near each other.
const NEAR_SECONDS: u32 = 30;

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
    /// Whether a person who opens the file here sees what stands at the other position, too: the
    /// same page, slide or sheet, or a moment later.
    #[must_use]
    pub fn is_near(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Row(one), Self::Row(two)) => one.sheet == two.sheet,
            (Self::Seconds(one), Self::Seconds(two)) => one.abs_diff(*two) <= NEAR_SECONDS,
            (one, two) => one == two,
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_page_sheet_or_minute_is_not_near() {
        let row = |sheet: &str, row| {
            let sheet = Some(sheet.to_owned());
            Position::Row(RowPosition { sheet, row })
        };
        assert!(Position::Page(3).is_near(&Position::Page(3)));
        assert!(!Position::Page(3).is_near(&Position::Page(4)));
        assert!(!Position::Page(3).is_near(&Position::Slide(3)));
        assert!(row("a", 1).is_near(&row("a", 900)));
        assert!(!row("a", 1).is_near(&row("b", 2)));
        assert!(Position::Seconds(60).is_near(&Position::Seconds(90)));
        assert!(!Position::Seconds(60).is_near(&Position::Seconds(91)));
    }
}
