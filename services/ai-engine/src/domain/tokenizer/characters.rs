//! Characters: which are equal, which belong to words, which scripts write without spaces.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Brings equal texts to one form: compatibility characters (ligatures, full width) and composed
/// accents as in NFKC, lower case, straight apostrophes and hyphens, nothing invisible.
pub(super) fn normalise(text: &str) -> String {
    let visible = text.chars().filter(|c| !is_invisible(*c));
    let lower = visible.nfkc().flat_map(char::to_lowercase);
    // Lower case can decompose a character (U+0130), so the text is composed again.
    lower.map(plain_sign).nfc().collect()
}

/// Marks without a shape of their own, which editors and web pages put into words: soft hyphen,
/// zero width characters, direction marks, variation selectors.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
    )
}

const fn plain_sign(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{2bc}' => '\'',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    }
}

/// Letters, digits and the marks on them.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

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
