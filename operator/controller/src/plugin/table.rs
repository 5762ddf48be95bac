//! Text in columns, as kubectl prints it.

use std::fmt::Write;

/// Rows below their heading; the last column is not padded. Nothing without rows.
pub(super) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or(0)
    });
    let mut text = String::new();
    for row in std::iter::once(&heading.map(str::to_owned)).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:width$}   ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["auth".to_owned(), "1/1".to_owned()],
            ["creator-hub".to_owned(), "0/2".to_owned()],
        ];
        let expected = "NAME          READY\nauth          1/1\ncreator-hub   0/2\n";
        assert_eq!(table(["NAME", "READY"], &rows), expected);
        assert_eq!(table(["NAME", "READY"], &[]), "");
    }
}
