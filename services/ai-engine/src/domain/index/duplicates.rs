//! The same text twice among the results: a second copy says nothing new and takes a place.

use std::collections::HashSet;

/// From so many characters on, equal texts are copies whatever the titles of their documents. A
/// shorter one may mean something else in another document: "10 euros a month" of two plans.
const MIN_COPY_LENGTH: usize = 200;

/// What a passage says, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) title: &'a str,
    pub(crate) heading: Option<&'a str>,
    pub(crate) content: &'a str,
}

/// Keeps the first of equal texts, in their order.
pub(crate) fn remove<T>(found: Vec<T>, text: impl Fn(&T) -> Text<'_>) -> Vec<T> {
    let mut seen = HashSet::new();
    let is_new = |item: &T| seen.insert(key(text(item)));
    let mut kept = found;
    kept.retain(is_new);
    kept
}

/// Case and white space make no difference.
fn key(text: Text<'_>) -> String {
    let content = squeezed(text.content);
    if content.chars().count() >= MIN_COPY_LENGTH {
        return content;
    }
    let heading = squeezed(text.heading.unwrap_or_default());
    format!("{}\n{heading}\n{content}", squeezed(text.title))
}

fn squeezed(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{Text, remove};

    fn text_of<'a>(item: &'a (usize, Text<'_>)) -> Text<'a> {
        item.1
    }

    fn kept(texts: &[(&str, &str, &str)]) -> Vec<usize> {
        let texts = texts.iter().map(|&(title, heading, content)| Text {
            title,
            heading: Some(heading),
            content,
        });
        let kept = remove(texts.enumerate().collect(), text_of);
        kept.into_iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_long_copy_is_left_out_whatever_its_document() {
        let long = "Refunds are paid within ten working days. ".repeat(6);
        let spaced = long.to_uppercase().replace(' ', "\n ");
        let other = long.replace("ten", "two");
        let texts = [
            ("Terms", "Refunds", long.as_str()),
            ("Terms of last year", "Money back", &spaced),
            ("Terms", "Refunds", &other),
        ];
        assert_eq!(kept(&texts), [0, 2]);
    }

    #[test]
    fn a_short_text_is_a_copy_only_below_the_same_title_and_heading() {
        let texts = [
            ("Gold plan", "Price", "10 euros a month"),
            ("Silver plan", "Price", "10 euros a month"),
            ("Gold plan", "Setup", "10 euros a month"),
            ("Gold plan", "Price", "10  Euros a month"),
        ];
        assert_eq!(kept(&texts), [0, 1, 2]);
    }
}
