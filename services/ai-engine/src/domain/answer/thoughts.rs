//! Removes what a model thinks aloud between tags such as `<think>` from a stream of text.

const TAGS: [(&str, &str); 3] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
];

/// Filters text piece by piece.
#[derive(Debug, Default)]
pub(crate) struct ThoughtFilter {
    /// Text that may be the beginning of a tag, or thoughts whose end is not there yet.
    withheld: String,
    /// The tag that ends the thoughts.
    closing: Option<&'static str>,
}

impl ThoughtFilter {
    /// Adds a piece and returns the text outside of thoughts.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        self.withheld.push_str(piece);
        let mut shown = String::new();
        loop {
            if let Some(closing) = self.closing {
                let Some(at) = self.withheld.find(closing) else {
                    return shown;
                };
                self.withheld.drain(..at + closing.len());
                self.closing = None;
                continue;
            }
            let found = TAGS
                .iter()
                .filter_map(|(open, close)| Some((self.withheld.find(open)?, open, *close)))
                .min_by_key(|(at, ..)| *at);
            // Some chat templates open the thoughts themselves, so only their end is in the text.
            let ends = TAGS
                .iter()
                .filter_map(|(_, close)| Some((self.withheld.find(close)?, close)));
            let before = |at: usize| found.is_none_or(|(open, ..)| at < open);
            if let Some((at, close)) = ends.min_by_key(|(at, _)| *at).filter(|(at, _)| before(*at))
            {
                self.withheld.drain(..at + close.len());
                continue;
            }
            let Some((at, open, close)) = found else {
                let safe = self.withheld.len() - possible_tag(&self.withheld);
                shown.extend(self.withheld.drain(..safe));
                return shown;
            };
            shown.push_str(&self.withheld[..at]);
            self.withheld.drain(..at + open.len());
            self.closing = Some(close);
        }
    }

    /// The withheld rest; thoughts without an end are none of it.
    pub(crate) fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.withheld);
        if self.closing.is_some() {
            String::new()
        } else {
            rest
        }
    }
}

/// Bytes at the end of the text that may be the beginning of a tag.
fn possible_tag(text: &str) -> usize {
    let Some(at) = text.rfind('<') else {
        return 0;
    };
    let end = &text[at..];
    let begins = |tag: &str| tag.starts_with(end);
    if TAGS
        .iter()
        .any(|(open, close)| begins(open) || begins(close))
    {
        end.len()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::ThoughtFilter;

    fn filtered(pieces: &[&str]) -> String {
        let mut filter = ThoughtFilter::default();
        let shown: String = pieces.iter().map(|piece| filter.push(piece)).collect();
        shown + &filter.finish()
    }

    #[test]
    fn thoughts_are_removed_wherever_the_pieces_end() {
        let text = "<think>The secret rule says</think>Rest early. 3 < 5 <thinking>a</thinking>b";
        let shown = "Rest early. 3 < 5 b";
        assert_eq!(filtered(&[text]), shown);
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(filtered(&letters), shown);
        assert_eq!(filtered(&["<think>never", " ended"]), "");
        assert_eq!(filtered(&["a <thin"]), "a <thin");
        assert_eq!(filtered(&["The rule.</think>Rest early."]), "Rest early.");
        assert_eq!(
            filtered(&["The rule.", "</thi", "nk>Rest."]),
            "The rule.Rest."
        );
    }
}
