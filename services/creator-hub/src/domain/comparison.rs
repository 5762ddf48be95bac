//! What has changed between the texts of two files of a document.

use shared_document::{Block, Content};
use similar::{DiffOp, DiffTag};

/// Unchanged lines that are shown around a change.
pub(crate) const CONTEXT: usize = 3;
/// Most lines of a comparison.
const MAX_LINES: usize = 5_000;

/// The changes from an older text to a newer one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) hunks: Vec<Hunk>,
    /// All lines that were added, shown or not.
    pub(crate) added: usize,
    /// All lines that were removed, shown or not.
    pub(crate) removed: usize,
    /// Whether there are more changes than are shown.
    pub(crate) truncated: bool,
}

/// Changes that are near each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hunk {
    /// The number of its first line in the older text, from 1.
    pub(crate) old_line: usize,
    /// The number of its first line in the newer text, from 1.
    pub(crate) new_line: usize,
    pub(crate) lines: Vec<(Change, String)>,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Unchanged,
    Removed,
    Added,
}

/// The lines of a block, as they are compared: headings and items with their markers, one row of a
/// table on one line.
pub(crate) fn lines(block: &Block) -> Vec<String> {
    let of_text = |text: &str| -> Vec<String> {
        // Blank lines separate paragraphs in some kinds of files and blocks do in others.
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.map(str::to_owned).collect()
    };
    match &block.content {
        Content::Heading { level, text } => {
            vec![format!("{} {text}", "#".repeat(usize::from(*level)))]
        }
        Content::Paragraph(text) | Content::Caption(text) | Content::Code(text) => of_text(text),
        Content::List(items) => items.iter().flat_map(|item| of_text(item)).collect(),
        Content::Table(table) => {
            let header = (!table.header.is_empty()).then_some(&table.header);
            let rows = header.into_iter().chain(&table.rows);
            rows.map(|row| row.join(" | ")).collect()
        }
    }
}

/// Describes changes that were found in groups, each with its surroundings.
pub(crate) fn describe(old: &[String], new: &[String], groups: &[Vec<DiffOp>]) -> Comparison {
    let mut comparison = Comparison::default();
    let mut shown = 0;
    for group in groups {
        for op in group.iter().filter(|op| op.tag() != DiffTag::Equal) {
            comparison.removed += op.old_range().len();
            comparison.added += op.new_range().len();
        }
        let Some(first) = group.first() else { continue };
        if shown >= MAX_LINES {
            comparison.truncated = true;
            continue;
        }
        let mut lines: Vec<_> = group.iter().flat_map(|op| changed(old, new, *op)).collect();
        if shown + lines.len() > MAX_LINES {
            lines.truncate(MAX_LINES - shown);
            comparison.truncated = true;
        }
        shown += lines.len();
        comparison.hunks.push(Hunk {
            old_line: first.old_range().start + 1,
            new_line: first.new_range().start + 1,
            lines,
        });
    }
    comparison
}

fn changed(old: &[String], new: &[String], op: DiffOp) -> Vec<(Change, String)> {
    let mark = |change, lines: &[String]| -> Vec<(Change, String)> {
        lines.iter().map(|line| (change, line.clone())).collect()
    };
    if op.tag() == DiffTag::Equal {
        return mark(Change::Unchanged, &new[op.new_range()]);
    }
    let mut lines = mark(Change::Removed, &old[op.old_range()]);
    lines.extend(mark(Change::Added, &new[op.new_range()]));
    lines
}

#[cfg(test)]
mod tests {
    use shared_document::Table;
    use similar::{Algorithm, capture_diff_slices, group_diff_ops};

    use super::*;

    fn compare(old: &[String], new: &[String]) -> Comparison {
        let ops = capture_diff_slices(Algorithm::Myers, old, new);
        describe(old, new, &group_diff_ops(ops, CONTEXT))
    }

    fn numbered(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("line {number}")).collect()
    }

    #[test]
    fn a_change_is_shown_with_its_surroundings_and_its_lines() {
        let old = numbered(20);
        let mut new = old.clone();
        new[9] = "changed".to_owned();
        new.push("at the end".to_owned());
        let found = compare(&old, &new);
        assert_eq!((found.added, found.removed, found.truncated), (2, 1, false));
        let [first, last] = found.hunks.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((first.old_line, first.new_line), (7, 7));
        let shown: Vec<_> = first.lines.iter().map(|(_, line)| line.as_str()).collect();
        let expected = [
            "line 7", "line 8", "line 9", "line 10", "changed", "line 11", "line 12", "line 13",
        ];
        assert_eq!(shown, expected);
        assert_eq!(first.lines[3].0, Change::Removed);
        assert_eq!(first.lines[4].0, Change::Added);
        assert_eq!(last.lines.last().unwrap().1, "at the end");
        assert_eq!(compare(&old, &old), Comparison::default());
    }

    #[test]
    fn what_is_too_much_to_show_is_counted() {
        let found = compare(&numbered(MAX_LINES + 7), &[]);
        assert_eq!((found.removed, found.truncated), (MAX_LINES + 7, true));
        assert_eq!(found.hunks[0].lines.len(), MAX_LINES);
    }

    #[test]
    fn blocks_are_compared_line_by_line() {
        let table = Table {
            header: vec!["Course".into(), "Price".into()],
            rows: vec![vec!["Calm".into(), "20".into()]],
        };
        for (content, expected) in [
            (
                Content::Heading {
                    level: 2,
                    text: "Prices".into(),
                },
                vec!["## Prices"],
            ),
            (Content::Paragraph("a\n\nb".into()), vec!["a", "b"]),
            (
                Content::List(vec!["- a".into(), "- b".into()]),
                vec!["- a", "- b"],
            ),
            (Content::Table(table), vec!["Course | Price", "Calm | 20"]),
        ] {
            assert_eq!(lines(&Block::new(content, None)), expected);
        }
    }
}
