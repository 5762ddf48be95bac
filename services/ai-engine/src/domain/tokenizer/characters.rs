//! Characters: which are equal, which belong to words, which scripts write without spaces.

pub(super) use shared_models::words::{is_word, normalise};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Signs that join the parts of an identifier, an address or a number.
pub(super) const fn is_joiner(c: char) -> bool {
    matches!(
        c,
        '-' | '_' | '.' | ',' | '@' | '/' | ':' | '+' | '&' | '#' | '%' | '\'' | '~' | '='
    )
}

/// How a script separates words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// With spaces.
    Spaced,
    /// Without: Chinese, Japanese, Thai, Lao, Burmese, Khmer.
    Unspaced,
    /// A mark belongs to the character before it.
    Mark,
}

pub(super) fn script(c: char) -> Script {
    match c {
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Script::Unspaced,
        c if is_combining_mark(c) => Script::Mark,
        _ => Script::Spaced,
    }
}

/// Letters with their marks.
pub(super) fn clusters(text: &str) -> Vec<String> {
    let mut clusters: Vec<String> = Vec::new();
    for c in text.chars() {
        match clusters.last_mut() {
            Some(last) if is_combining_mark(c) => last.push(c),
            _ => clusters.push(c.to_string()),
        }
    }
    clusters
}

/// The word without accents; none if it has none. Only marks of Latin, Greek and Cyrillic letters:
/// in other scripts a mark is a vowel.
pub(crate) fn without_accents(word: &str) -> Option<String> {
    let mut previous_is_alphabetic = false;
    let mut changed = false;
    let mut plain = String::with_capacity(word.len());
    for c in word.nfd() {
        if ('\u{300}'..='\u{36f}').contains(&c) && previous_is_alphabetic {
            changed = true;
            continue;
        }
        previous_is_alphabetic = matches!(c, 'a'..='z' | '\u{370}'..='\u{52f}');
        plain.push(c);
    }
    changed.then(|| plain.nfc().collect())
}
