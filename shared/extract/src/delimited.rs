//! CSV: the first row is the header of all others.

use std::fs::File;
use std::io::{Cursor, Read, Seek};

use shared_document::{Content, Position, RowPosition, Table, WarningCode};

use crate::charset::{TextReader, decode_text};
use crate::{ExtractError, Extractor, Output};

/// Rows that become a block together.
const GROUP: usize = 50;
/// Bytes that tell what parts the cells.
const SAMPLE: u64 = 16 * 1024;
/// A longer cell is read as paragraphs.
pub(crate) const LONG_CELL: usize = 8 * 1024;

/// A table as text.
pub(crate) struct Csv;

impl Extractor for Csv {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        Self::read_text(input, output)
    }
}

impl Csv {
    /// Reads a text from its beginning.
    pub(crate) fn read_text(
        input: &mut (impl Read + Seek),
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        let mut lines = TextReader::open(input, output)?;
        let mut sample = Vec::new();
        (&mut lines).take(SAMPLE).read_to_end(&mut sample)?;
        let delimiter = delimiter(&sample);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(Cursor::new(sample).chain(&mut lines));
        let mut rows = Rows::new(None);
        let mut record = csv::ByteRecord::new();
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    if let csv::ErrorKind::Io(cause) = error.into_kind() {
                        return Err(cause.into());
                    }
                    output.warn(WarningCode::RowSkipped, None);
                    continue;
                }
            }
            let line = record.position().map_or(1, csv::Position::record);
            let number = u32::try_from(line + 1).unwrap_or(u32::MAX);
            let cells = record
                .iter()
                .map(|cell| String::from_utf8_lossy(cell).into_owned());
            rows.push(number, cells.collect(), output)?;
        }
        rows.finish(output)?;
        drop(reader);
        lines.finish(output);
        Ok(())
    }
}

/// A row of a small CSV that is read as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvRow {
    /// As spreadsheets count, from 1.
    pub number: u32,
    /// From the left.
    pub cells: Vec<String>,
}

/// Reads a small CSV, in whatever encoding and with whatever parts its cells. Rows without text are
/// left out. None if the bytes are no text.
pub fn read_csv(bytes: &[u8]) -> Option<Vec<CsvRow>> {
    let text = decode_text(bytes)?;
    let sample = text.as_bytes();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(sample))
        .has_headers(false)
        .flexible(true)
        .from_reader(sample);
    let mut rows = Vec::new();
    // The text is UTF-8 and in memory, and rows may differ in length: nothing else can fail.
    for record in reader.records().map_while(Result::ok) {
        let before = record.position().map_or(0, csv::Position::record);
        let cells: Vec<String> = record.iter().map(str::to_owned).collect();
        if cells.iter().any(|cell| !cell.trim().is_empty()) {
            let number = u32::try_from(before + 1).unwrap_or(u32::MAX);
            rows.push(CsvRow { number, cells });
        }
    }
    Some(rows)
}

/// What parts the cells: what stands most often outside of quotes in the first line.
fn delimiter(sample: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut is_quoted = false;
    for byte in sample {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => break,
            _ if is_quoted => {}
            _ => {
                for (sign, count) in &mut counts {
                    *count += u32::from(byte == sign);
                }
            }
        }
    }
    // The first of equals: a line without any has one column.
    let best = counts.iter().rev().max_by_key(|(_, count)| *count);
    best.map_or(b',', |(sign, _)| *sign)
}

/// Collects rows of a sheet into blocks, each with the header.
pub(crate) struct Rows {
    sheet: Option<String>,
    header: Option<Vec<String>>,
    /// The header was written: with rows, or because there are none.
    is_written: bool,
    first: u32,
    below: Vec<Vec<String>>,
}

impl Rows {
    pub(crate) const fn new(sheet: Option<String>) -> Self {
        Self {
            sheet,
            header: None,
            is_written: false,
            first: 0,
            below: Vec::new(),
        }
    }

    /// Takes the row with that number. Numbers may have gaps: empty rows are left out.
    pub(crate) fn push(
        &mut self,
        number: u32,
        mut cells: Vec<String>,
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(());
        }
        let position = self.position(number);
        let names = self.header.clone().unwrap_or_default();
        for (column, cell) in cells.iter_mut().enumerate() {
            if cell.len() > LONG_CELL {
                output.warn(WarningCode::LongCell, Some(position.clone()));
                self.flush(output)?;
                let name = names.get(column).map_or("", String::as_str);
                let text = std::mem::take(cell);
                let separator = if name.is_empty() { "" } else { ": " };
                let text = Content::Paragraph(format!("{name}{separator}{text}"));
                output.block(text, Some(position.clone()))?;
            }
        }
        if self.header.is_none() {
            self.header = Some(cells);
            self.first = number;
            return Ok(());
        }
        let next = self
            .first
            .saturating_add(u32::try_from(self.below.len()).unwrap_or(u32::MAX));
        if self.below.len() == GROUP || next != number {
            self.flush(output)?;
        }
        if self.below.is_empty() {
            self.first = number;
        }
        self.below.push(cells);
        Ok(())
    }

    pub(crate) fn finish(mut self, output: &mut Output<'_>) -> Result<(), ExtractError> {
        self.flush(output)?;
        if let Some(header) = self.header.take().filter(|_| !self.is_written) {
            let position = self.position(self.first);
            let content = Content::Table(Table {
                header,
                rows: Vec::new(),
            });
            output.block(content, Some(position))?;
        }
        Ok(())
    }

    fn flush(&mut self, output: &mut Output<'_>) -> Result<(), ExtractError> {
        if self.below.is_empty() {
            return Ok(());
        }
        self.is_written = true;
        let table = Table {
            header: self.header.clone().unwrap_or_default(),
            rows: std::mem::take(&mut self.below),
        };
        output.block(Content::Table(table), Some(self.position(self.first)))
    }

    fn position(&self, row: u32) -> Position {
        Position::Row(RowPosition {
            sheet: self.sheet.clone(),
            row,
        })
    }
}

#[cfg(test)]
mod tests {
    use shared_document::Block;

    use super::*;
    use crate::testing::{blocks, summary};

    fn tables(text: &str) -> Vec<(Table, u32)> {
        let table = |Block { content, position }| match (content, position) {
            (Content::Table(table), Some(Position::Row(RowPosition { row, .. }))) => (table, row),
            other => panic!("{other:?}"),
        };
        blocks(text.as_bytes(), "csv")
            .into_iter()
            .map(table)
            .collect()
    }

    #[test]
    fn the_first_row_is_the_header_whatever_parts_the_cells() {
        for sign in [",", ";", "\t", "|"] {
            let text = "name|note\nOak|\"two\nlines; 1,5\"\n\nMill|x\n".replace('|', sign);
            let found = tables(&text);
            assert_eq!(found[0].0.header, ["name", "note"], "{sign}");
            assert_eq!(found[0].0.rows[0], ["Oak", "two lines; 1,5"], "{sign}");
        }
    }

    #[test]
    fn a_small_table_is_read_whatever_its_encoding() {
        let text = "question;answer\n\"Where, then?\";\"In Málaga;\ntwice\"\n;\nWhy?;So\n";
        let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(text);
        let wide: Vec<u8> = [0xfeff]
            .into_iter()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        for bytes in [text.as_bytes(), &latin, &wide, &marked] {
            let rows = read_csv(bytes).unwrap();
            let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
            assert_eq!(numbers, [1, 2, 4]);
            assert_eq!(rows[0].cells, ["question", "answer"]);
            assert_eq!(rows[1].cells, ["Where, then?", "In Málaga;\ntwice"]);
        }
        assert_eq!(read_csv(b"PK\x03\x04\0\0\0\0"), None);
        assert_eq!(read_csv(b""), Some(Vec::new()));
    }

    #[test]
    fn rows_are_counted_and_a_long_file_repeats_its_header() {
        let rows: Vec<String> = (1..=120).map(|n| format!("Place{n},{n}")).collect();
        let found = tables(&format!("Village,Euros\n{}", rows.join("\n")));
        let starts: Vec<u32> = found.iter().map(|(_, row)| *row).collect();
        assert_eq!(starts, [2, 52, 102]);
        assert!(
            found
                .iter()
                .all(|(table, _)| table.header == ["Village", "Euros"])
        );
        let alone = tables("just,one,row");
        assert_eq!((alone[0].0.header.len(), alone[0].0.rows.len()), (3, 0));
    }

    #[test]
    fn a_cell_of_megabytes_becomes_paragraphs() {
        let text = format!(
            "name,text\nOak,\"{}\"\nMill,short\n",
            "word ".repeat(2_000_000)
        );
        let found = blocks(text.as_bytes(), "csv");
        let longest = found
            .iter()
            .filter(|block| matches!(block.content, Content::Paragraph(_)));
        assert!(longest.count() > 100);
        let warnings = summary(text.as_bytes(), "csv").warnings;
        assert_eq!(warnings[0].code, WarningCode::LongCell);
    }
}
