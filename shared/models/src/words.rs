//! One form for equal texts: what the word index, and questions that must be the same, go by.

use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Bytes of a question's key.
pub const KEY_BYTES: usize = 32;

/// Brings equal texts to one form: compatibility characters (ligatures, full width) and composed
/// accents as in NFKC, lower case, straight apostrophes and hyphens, nothing invisible.
pub fn normalise(text: &str) -> String {
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
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// What two questions have in common if they are the same but for case, spaces and punctuation;
/// none if the text has no word. Signs that tell words apart are kept: `C#`, `C++`, `20%`, `-5`.
pub fn question_key(text: &str) -> Option<[u8; KEY_BYTES]> {
    let normalised = normalise(text);
    let words: Vec<&str> = normalised.split_whitespace().map(trim).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let has_word = words.iter().any(|word| word.contains(is_word));
    has_word.then(|| Sha256::digest(words.join(" ")).into())
}

/// The word without the punctuation around it.
fn trim(word: &str) -> &str {
    let is_kept = |c: char| {
        is_word(c) || matches!(c, '#' | '+' | '%' | '@' | '&' | '=' | '<' | '>') || is_currency(c)
    };
    let word = word.trim_end_matches(|c| !is_kept(c));
    let start = word.find(is_kept).unwrap_or(word.len());
    let is_minus = word[..start].ends_with('-') && word[start..].starts_with(char::is_numeric);
    &word[start - usize::from(is_minus)..]
}

const fn is_currency(c: char) -> bool {
    matches!(c, '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20cf}' | '\u{b0}')
}

#[cfg(test)]
mod tests {
    use super::question_key;

    #[test]
    fn questions_are_the_same_but_for_case_spaces_and_punctuation() {
        let key = question_key("How much is the Gold plan?");
        assert!(key.is_some());
        for same in [
            "how much is the gold plan",
            "  HOW MUCH  is the \u{201c}Gold\u{201d} plan ?!",
            "\u{ff28}ow much is the Gold plan\u{ff1f}",
            "How much is the Go\u{ad}ld plan\u{2026}",
        ] {
            assert_eq!(question_key(same), key, "{same}");
        }
        assert_ne!(question_key("How much is the Silver plan?"), key);
        assert_eq!(
            question_key("¿Cuánto cuesta?"),
            question_key("cuánto cuesta")
        );
        assert_eq!(
            question_key("いくらですか。"),
            question_key("いくらですか？")
        );
    }

    #[test]
    fn signs_that_tell_words_apart_are_kept() {
        for (one, other) in [
            ("Do you teach C?", "Do you teach C++?"),
            ("Do you teach C++?", "Do you teach C#?"),
            ("Is it 20?", "Is it 20%?"),
            ("Is it open at 5 degrees?", "Is it open at -5 degrees?"),
            ("Is it 3.5?", "Is it 35?"),
            ("Can I cancel?", "Can't I cancel?"),
        ] {
            assert_ne!(question_key(one), question_key(other), "{one}");
        }
        assert_eq!(question_key("- What now?"), question_key("What now"));
    }

    #[test]
    fn a_text_without_a_word_has_no_key() {
        for text in ["", "???", " … ", "+"] {
            assert_eq!(question_key(text), None, "{text}");
        }
    }
}
