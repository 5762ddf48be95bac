//! The one normalisation of all text that is read out of files.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// Shorter data after `base64,` may be an example in a text about encodings.
const MIN_DATA: usize = 64;

/// What a character becomes.
enum Becomes {
    Itself,
    Space,
    LineBreak,
    Nothing,
}

const fn becomes(character: char) -> Becomes {
    match character {
        '\n' | '\t' => Becomes::Itself,
        // Vertical tab, form feed, next line, separators: they separate words, and often lines.
        '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
            Becomes::LineBreak
        }
        '\u{1f}' | '\u{a0}' | '\u{2007}' | '\u{202f}' => Becomes::Space,
        // Other control characters, soft hyphen, zero-width space, word joiner, byte order mark,
        // marks and overrides of direction, interlinear marks: they are invisible and
        // would split a word.
        '\0'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' => Becomes::Nothing,
        _ => Becomes::Itself,
    }
}

/// The text in NFC with `\n` line ends, without what cannot be seen; control characters that part
/// words become line breaks or spaces. Joiners of scripts and emoji stay.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut previous = '\0';
    for character in text.chars() {
        match becomes(character) {
            Becomes::LineBreak => cleaned.push('\n'),
            Becomes::Itself if character == '\n' && previous == '\r' => {}
            Becomes::Itself => cleaned.push(character),
            Becomes::Space => cleaned.push(' '),
            Becomes::Nothing => {}
        }
        previous = character;
    }
    if is_nfc_quick(cleaned.chars()) == IsNormalized::Yes {
        cleaned
    } else {
        cleaned.nfc().collect()
    }
}

/// A paragraph: cleaned, without white space around its lines' ends, without data of pictures.
pub(crate) fn paragraph(text: &str) -> String {
    let cleaned = clean(&without_data(text));
    let mut lines = String::with_capacity(cleaned.len());
    for line in cleaned.trim().lines() {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(line.trim_end());
    }
    lines
}

/// Text on one line.
pub(crate) fn one_line(text: &str) -> String {
    let cleaned = clean(&without_data(text));
    let mut line = String::with_capacity(cleaned.len());
    for word in cleaned.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Lines whose indentation matters.
pub(crate) fn code(text: &str) -> String {
    clean(text).trim_matches('\n').trim_end().to_owned()
}

/// Removes pictures that are written into the text as base64.
fn without_data(text: &str) -> Cow<'_, str> {
    const MARK: &str = ";base64,";
    if !text.contains(MARK) {
        return Cow::Borrowed(text);
    }
    let (mut rest, mut kept) = (text, String::new());
    while let Some(at) = rest.find(MARK) {
        let behind = &rest[at + MARK.len()..];
        let is_data = |c: char| c.is_ascii_alphanumeric() || "+/=%-_".contains(c);
        let end = behind.find(|c| !is_data(c)).unwrap_or(behind.len());
        let start = rest[..at].rfind("data:").filter(|start| at - start < 100);
        match start {
            Some(start) if end >= MIN_DATA => kept.push_str(&rest[..start]),
            _ => kept.push_str(&rest[..at + MARK.len() + end]),
        }
        rest = &behind[end..];
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_part_words_and_invisible_ones_do_not() {
        assert_eq!(
            clean("Breathing\u{b}Movement\u{b}Silence"),
            "Breathing\nMovement\nSilence"
        );
        assert_eq!(
            clean("bring\u{b}water and\u{85}towels\u{c}x"),
            "bring\nwater and\ntowels\nx"
        );
        assert_eq!(clean("a\u{1c}b\u{1f}c\u{2028}d\u{a0}e"), "a\nb c\nd e");
        assert_eq!(clean("a\r\nb\rc\n\nd"), "a\nb\nc\n\nd");
        assert_eq!(
            clean("Schlaf\u{ad}rhythmus Ged\u{200b}ächt\u{2060}nis"),
            "Schlafrhythmus Gedächtnis"
        );
        assert_eq!(clean("plan\u{202e}dm.md \u{0}x\u{7}"), "plandm.md x");
        assert_eq!(clean("Fru\u{308}hstu\u{308}ck"), "Frühstück");
        assert_eq!(
            clean("👩\u{200d}🍳 می\u{200c}خواهم"),
            "👩\u{200d}🍳 می\u{200c}خواهم"
        );
    }

    #[test]
    fn a_picture_in_base64_is_no_text() {
        let data = "iVBORw0KGgo".repeat(40);
        let text = format!("before ![x](data:image/png;base64,{data}) after");
        assert_eq!(paragraph(&text), "before ![x]() after");
        let short = "write data:text/plain;base64,SGk= for it";
        assert_eq!(paragraph(short), short);
    }
}
