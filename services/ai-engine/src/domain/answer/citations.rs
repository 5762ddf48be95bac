//! Citations such as `[1]` in a text: removes what a model wrote, adds what was checked, and keeps
//! numbers in brackets that belong to the material apart from them.

use std::collections::BTreeSet;

/// Digits of a number that may be a citation. A longer one is a year or an identifier.
const MAX_DIGITS: usize = 3;
/// Words before the number that models write inside the brackets.
const LABELS: [&str; 8] = [
    "source", "sources", "passage", "passages", "quelle", "fuente", "citation", "ref",
];

/// A text without the citations that a model wrote in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stripped {
    pub(crate) text: String,
    /// The cited sources that exist.
    pub(crate) cited: BTreeSet<u32>,
}

/// Removes the citations from a text: single ones, lists and ranges, in brackets of either width.
/// `item[0]` is no citation, since nothing could be cited by it.
pub(crate) fn strip(text: &str, sources: usize) -> Stripped {
    let sources = u32::try_from(sources).unwrap_or(u32::MAX);
    let mut shown = String::with_capacity(text.len());
    let mut cited = BTreeSet::new();
    let mut rest = text;
    while let Some(at) = rest.find(['[', '【']) {
        let (before, from) = rest.split_at(at);
        shown.push_str(before);
        let Some(group) = Group::at(from) else {
            let length = from.chars().next().map_or(1, char::len_utf8);
            shown.push_str(&from[..length]);
            rest = &from[length..];
            continue;
        };
        let existing = group.numbers.iter().filter(|n| (1..=sources).contains(*n));
        let found: Vec<u32> = existing.copied().collect();
        let is_index = shown.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if is_index && found.is_empty() {
            shown.push_str(&from[..group.length]);
        } else {
            cited.extend(found);
            shown.truncate(shown.trim_end_matches(' ').len());
        }
        rest = &from[group.length..];
    }
    shown.push_str(rest);
    Stripped { text: shown, cited }
}

/// Escapes brackets of the material that look like citations, as Markdown does: `\[3\]`.
pub(crate) fn escape(text: &str) -> String {
    rewrite(text, |inner| format!("\\[{inner}\\]"))
}

/// Brackets of the material that look like citations become parentheses, so that a model does not
/// copy them as citations.
pub(crate) fn parenthesise(text: &str) -> String {
    rewrite(text, |inner| format!("({inner})"))
}

fn rewrite(text: &str, write: impl Fn(&str) -> String) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, from) = rest.split_at(at);
        written.push_str(before);
        let is_index = written.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        match Group::at(from) {
            Some(group) if group.numbers != [0] || !is_index => {
                written.push_str(&write(&from[1..group.length - 1]));
                rest = &from[group.length..];
            }
            _ => {
                written.push('[');
                rest = &from[1..];
            }
        }
    }
    written.push_str(rest);
    written
}

/// Adds citations to a sentence, before its full stop if it has one.
pub(crate) fn add(sentence: &str, numbers: &[u32]) -> String {
    let text = sentence.trim_end();
    let space = &sentence[text.len()..];
    let marks: Vec<String> = numbers.iter().map(|n| format!("[{n}]")).collect();
    let marks = marks.concat();
    let stop = text
        .chars()
        .next_back()
        .filter(|c| matches!(c, '.' | '!' | '?'));
    let head = stop.map_or(text, |stop| &text[..text.len() - stop.len_utf8()]);
    if stop.is_some() && head.ends_with(char::is_alphanumeric) {
        format!("{head} {marks}{}{space}", &text[head.len()..])
    } else {
        format!("{text} {marks}{space}")
    }
}

/// Numbers in brackets.
struct Group {
    /// Bytes with the brackets.
    length: usize,
    numbers: Vec<u32>,
}

impl Group {
    /// The group with which the text begins.
    fn at(text: &str) -> Option<Self> {
        let (close, inner) = match text.chars().next()? {
            '[' => (']', &text[1..]),
            '【' => ('】', &text['【'.len_utf8()..]),
            _ => return None,
        };
        let end = inner.find(close)?;
        let numbers = numbers(&inner[..end])?;
        let length = text.len() - inner.len() + end + close.len_utf8();
        Some(Self { length, numbers })
    }
}

/// The numbers of `1`, `1, 2`, `1-3` or `Source 1`; none of any other text.
fn numbers(inner: &str) -> Option<Vec<u32>> {
    let lower = inner.trim().to_lowercase();
    let unlabelled = LABELS
        .iter()
        .filter_map(|label| lower.strip_prefix(label))
        .max_by_key(|rest| std::cmp::Reverse(rest.len()))
        .unwrap_or(&lower);
    let mut found = Vec::new();
    for part in unlabelled.split([',', ';', '，', '、']) {
        let part = part.trim().trim_start_matches(['#', ':']).trim();
        match part.split_once(['-', '–', '—']) {
            Some((from, to)) => {
                let [from, to] = [number(from)?, number(to)?];
                found.extend((from..=to.min(from.saturating_add(20))).collect::<Vec<u32>>());
            }
            None => found.push(number(part)?),
        }
    }
    (!found.is_empty()).then_some(found)
}

fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    let is_number =
        (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_of_every_form_are_read_and_removed() {
        for (text, shown, cited) in [
            (
                "Rest early [1, 2] and walk [1,9].",
                "Rest early and walk.",
                vec![1, 2],
            ),
            ("Breathe [2] and rest [1].", "Breathe and rest.", vec![1, 2]),
            (
                "Rest early 【1】 and [Source 1].",
                "Rest early and.",
                vec![1],
            ),
            ("All of it [1-3].", "All of it.", vec![1, 2, 3]),
            ("Rest early[1].", "Rest early.", vec![1]),
            ("Trust me [7], really [0][1]", "Trust me, really", vec![1]),
            (
                "Take item[0] of the list, see [1].",
                "Take item[0] of the list, see.",
                vec![1],
            ),
            (
                "[a] [] [12345] [x [9999]",
                "[a] [] [12345] [x [9999]",
                vec![],
            ),
            (
                "a [link](https://example.org) [",
                "a [link](https://example.org) [",
                vec![],
            ),
        ] {
            let stripped = strip(text, 3);
            assert_eq!(stripped.text, shown, "{text}");
            assert_eq!(
                stripped.cited.into_iter().collect::<Vec<_>>(),
                cited,
                "{text}"
            );
        }
    }

    #[test]
    fn numbers_in_brackets_of_the_material_are_no_citations() {
        let text = "A nap helps [3]. Longer ones [12, 13] do not; item[0], [a] and [2024] stay.";
        assert_eq!(
            escape(text),
            r"A nap helps \[3\]. Longer ones \[12, 13\] do not; item[0], [a] and [2024] stay."
        );
        assert_eq!(parenthesise("helps [3]."), "helps (3).");
    }

    #[test]
    fn citations_are_added_before_the_full_stop() {
        assert_eq!(add("Rest early. ", &[1]), "Rest early [1]. ");
        assert_eq!(add("He says “no.”\n", &[1, 2]), "He says “no.” [1][2]\n");
        assert_eq!(add("- sleep", &[3]), "- sleep [3]");
    }
}
