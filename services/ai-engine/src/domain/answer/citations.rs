//! Checks citations in a stream of text and removes those that refer to no source.

use std::collections::BTreeSet;

/// The longest incomplete citation, `[` and three digits, that is still withwithheld.
const MAX_INCOMPLETE: usize = 4;

/// Filters text piece by piece; withholds an incomplete citation until its end is known.
#[derive(Debug, Default)]
pub(crate) struct CitationFilter {
    sources: u32,
    withheld: String,
    cited: BTreeSet<u32>,
}

impl CitationFilter {
    /// A filter for citations of the sources 1 to `sources`.
    pub(crate) fn new(sources: usize) -> Self {
        Self {
            sources: u32::try_from(sources).unwrap_or(u32::MAX),
            ..Self::default()
        }
    }

    /// Adds a piece and returns the text that can be shown now.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        let mut shown = String::with_capacity(piece.len() + self.withheld.len());
        for character in piece.chars() {
            self.push_character(character, &mut shown);
        }
        shown
    }

    /// Returns the withheld rest, which turned out to be text, and the cited numbers.
    pub(crate) fn finish(mut self) -> (String, Vec<u32>) {
        let rest = std::mem::take(&mut self.withheld);
        (rest, self.cited.into_iter().collect())
    }

    fn push_character(&mut self, character: char, shown: &mut String) {
        match character {
            '[' => {
                shown.push_str(&self.withheld);
                "[".clone_into(&mut self.withheld);
            }
            ']' if self.withheld.len() > 1 => {
                let number = self.withheld.trim_start_matches('[').parse().unwrap_or(0);
                if (1..=self.sources).contains(&number) {
                    self.cited.insert(number);
                    shown.push_str(&self.withheld);
                    shown.push(']');
                }
                self.withheld.clear();
            }
            digit
                if digit.is_ascii_digit()
                    && !self.withheld.is_empty()
                    && self.withheld.len() < MAX_INCOMPLETE =>
            {
                self.withheld.push(digit);
            }
            other => {
                shown.push_str(&self.withheld);
                self.withheld.clear();
                shown.push(other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(pieces: &[&str], sources: usize) -> (String, Vec<u32>) {
        let mut filter = CitationFilter::new(sources);
        let mut text: String = pieces.iter().map(|piece| filter.push(piece)).collect();
        let (rest, cited) = filter.finish();
        text += &rest;
        (text, cited)
    }

    #[test]
    fn a_citation_split_over_pieces_is_recognised() {
        let (text, cited) = filtered(&["Breathe [", "2", "] and rest [1]."], 2);
        assert_eq!(text, "Breathe [2] and rest [1].");
        assert_eq!(cited, [1, 2]);
    }

    #[test]
    fn a_citation_without_a_source_is_removed() {
        let (text, cited) = filtered(&["Trust me [7], really [0][1]"], 2);
        assert_eq!(text, "Trust me , really [1]");
        assert_eq!(cited, [1]);
    }

    #[test]
    fn other_brackets_are_kept_as_text() {
        for text in ["[a] [] [12345] [[1] x[", "a[1", "[9999]"] {
            let mut one_by_one = CitationFilter::new(1);
            let shown: String = text
                .chars()
                .map(|character| one_by_one.push(&character.to_string()))
                .collect();
            assert_eq!(shown + &one_by_one.finish().0, text);
        }
    }
}
