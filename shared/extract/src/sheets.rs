//! Excel: each sheet is a table, read cell by cell, with its rows as positions.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use calamine::{DataRef, DataType as _, Reader as _, Xlsx as Workbook, XlsxError};
use shared_document::{Content, Position, ReadFailure, RowPosition, WarningCode};

use crate::delimited::Rows;
use crate::{ExtractError, Extractor, Output, archive};

/// Cells right of this column are left out.
const MAX_COLUMN: u32 = 1000;

/// Excel.
pub(crate) struct Xlsx;

impl Extractor for Xlsx {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        Self::read_workbook(input, output)
    }
}

impl Xlsx {
    /// Reads a workbook from its beginning.
    pub(crate) fn read_workbook(
        input: &mut (impl Read + Seek),
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        if archive::check(input)? {
            output.warn(WarningCode::PartSkipped, None);
        }
        input.seek(SeekFrom::Start(0))?;
        let mut workbook =
            Workbook::new(BufReader::new(&mut *input)).map_err(|error| failure(&error))?;
        for name in workbook.sheet_names() {
            let mut sheet = Sheet::new(name.clone());
            let Ok(mut cells) = workbook.worksheet_cells_reader(&name) else {
                // A sheet of a chart or of a macro has no cells.
                continue;
            };
            let heading = Content::Heading {
                level: 1,
                text: name.clone(),
            };
            let mut is_named = false;
            while let Some(cell) = cells.next_cell().map_err(|error| failure(&error))? {
                let (row, column) = cell.get_position();
                let Some(text) = shown(cell.get_value()).filter(|_| column < MAX_COLUMN) else {
                    continue;
                };
                if !is_named {
                    let start = RowPosition {
                        sheet: Some(name.clone()),
                        row: row + 1,
                    };
                    output.block(heading.clone(), Some(Position::Row(start)))?;
                    is_named = true;
                }
                sheet.push(row, column, text, output)?;
            }
            sheet.finish(output)?;
        }
        Ok(())
    }
}

/// Collects the cells of a row.
struct Sheet {
    rows: Rows,
    row: u32,
    cells: Vec<String>,
}

impl Sheet {
    const fn new(name: String) -> Self {
        Self {
            rows: Rows::new(Some(name)),
            row: 0,
            cells: Vec::new(),
        }
    }

    fn push(
        &mut self,
        row: u32,
        column: u32,
        text: String,
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        if row != self.row {
            self.end_row(output)?;
            self.row = row;
        }
        let column = column as usize;
        if self.cells.len() <= column {
            self.cells.resize(column + 1, String::new());
        }
        if let Some(cell) = self.cells.get_mut(column) {
            *cell = text;
        }
        Ok(())
    }

    fn end_row(&mut self, output: &mut Output<'_>) -> Result<(), ExtractError> {
        let cells = std::mem::take(&mut self.cells);
        self.rows.push(self.row.saturating_add(1), cells, output)
    }

    fn finish(mut self, output: &mut Output<'_>) -> Result<(), ExtractError> {
        self.end_row(output)?;
        self.rows.finish(output)
    }
}

/// What a cell shows; none if it is empty.
fn shown(value: &DataRef<'_>) -> Option<String> {
    let text = match value {
        DataRef::Empty | DataRef::Error(_) => return None,
        DataRef::DateTime(time) if time.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
            let clock = if (hour, minute, second) == (0, 0, 0) {
                String::new()
            } else {
                format!(" {hour:02}:{minute:02}:{second:02}")
            };
            format!("{year:04}-{month:02}-{day:02}{clock}")
        }
        DataRef::DateTime(time) => time.as_f64().to_string(),
        // Digits after the fifteenth are rounding errors of floating-point arithmetic.
        DataRef::Float(number) => {
            let short = format!("{number:.12}");
            short.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        other => other.as_string().unwrap_or_default(),
    };
    (!text.trim().is_empty()).then_some(text)
}

fn failure(error: &XlsxError) -> ReadFailure {
    match error {
        XlsxError::Password => ReadFailure::Encrypted,
        _ => ReadFailure::Damaged,
    }
}
