//! Checks what a model cites while it still writes: a number without a source does not get out.

use std::collections::BTreeSet;

/// Longest thing that can still become a citation: a bracket and three digits.
const LONGEST: usize = 4;

/// Reads text piece by piece; holds back what may become a citation until it is known.
#[derive(Debug, Default)]
pub struct Citations {
    sources: u32,
    held: String,
    cited: BTreeSet<u32>,
}

impl Citations {
    /// Citations of the sources 1 to `sources`.
    pub fn of(sources: usize) -> Self {
        Self {
            sources: u32::try_from(sources).unwrap_or(u32::MAX),
            ..Self::default()
        }
    }

    /// Takes a piece and gives what may be shown by now.
    pub fn push(&mut self, piece: &str) -> String {
        let mut shown = String::with_capacity(piece.len() + self.held.len());
        for letter in piece.chars() {
            self.letter(letter, &mut shown);
        }
        shown
    }

    /// The end: what was held back turned out to be text.
    pub fn finish(mut self) -> (String, Vec<u32>) {
        let rest = std::mem::take(&mut self.held);
        (rest, self.cited.into_iter().collect())
    }

    fn letter(&mut self, letter: char, shown: &mut String) {
        match letter {
            '[' => {
                shown.push_str(&self.held);
                "[".clone_into(&mut self.held);
            }
            ']' if self.held.len() > 1 => {
                let number = self.held.trim_start_matches('[').parse().unwrap_or(0);
                if (1..=self.sources).contains(&number) {
                    self.cited.insert(number);
                    shown.push_str(&self.held);
                    shown.push(']');
                }
                self.held.clear();
            }
            digit
                if digit.is_ascii_digit() && !self.held.is_empty() && self.held.len() < LONGEST =>
            {
                self.held.push(digit);
            }
            other => {
                shown.push_str(&self.held);
                self.held.clear();
                shown.push(other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&str], sources: usize) -> (String, Vec<u32>) {
        let mut citations = Citations::of(sources);
        let mut text: String = pieces.iter().map(|piece| citations.push(piece)).collect();
        let (rest, cited) = citations.finish();
        text += &rest;
        (text, cited)
    }

    #[test]
    fn a_citation_split_over_pieces_is_one() {
        let (text, cited) = read(&["Breathe [", "2", "] and rest [1]."], 2);
        assert_eq!(text, "Breathe [2] and rest [1].");
        assert_eq!(cited, [1, 2]);
    }

    #[test]
    fn a_number_without_a_source_does_not_get_out() {
        let (text, cited) = read(&["Trust me [7], really [0][1]"], 2);
        assert_eq!(text, "Trust me , really [1]");
        assert_eq!(cited, [1]);
    }

    #[test]
    fn other_brackets_are_text() {
        for text in ["[a] [] [12345] [[1] x[", "a[1", "[9999]"] {
            let mut one_by_one = Citations::of(1);
            let shown: String = text
                .chars()
                .map(|letter| one_by_one.push(&letter.to_string()))
                .collect();
            assert_eq!(shown + &one_by_one.finish().0, text);
        }
    }
}
