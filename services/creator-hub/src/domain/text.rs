//! Text files: detection and normalisation.

use std::str;

/// The file is not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotText;

/// Checks, chunk by chunk, that a file is UTF-8 without NUL. A chunk may end within a character.
#[derive(Debug, Default)]
pub(crate) struct TextCheck {
    unfinished: Vec<u8>,
}

impl TextCheck {
    /// Checks the next chunk.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), NotText> {
        if chunk.contains(&0) {
            return Err(NotText);
        }
        if self.unfinished.is_empty() {
            self.unfinished = unfinished(chunk)?.to_vec();
        } else {
            self.unfinished.extend_from_slice(chunk);
            self.unfinished = unfinished(&self.unfinished)?.to_vec();
        }
        Ok(())
    }

    /// Checks the end of the file.
    pub(crate) fn finish(&self) -> Result<(), NotText> {
        if self.unfinished.is_empty() {
            Ok(())
        } else {
            Err(NotText)
        }
    }
}

/// The number of bytes at the end that start an incomplete character.
fn unfinished(bytes: &[u8]) -> Result<&[u8], NotText> {
    match str::from_utf8(bytes) {
        Ok(_) => Ok(&[]),
        Err(error) if error.error_len().is_none() => Ok(&bytes[error.valid_up_to()..]),
        Err(_) => Err(NotText),
    }
}

/// Why a file cannot be indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is not UTF-8 text.
    NotText,
    /// It holds nothing but white space.
    Empty,
}

/// The version of the rules below. With another version, the next processing of a document extracts
/// its text again.
pub(crate) const EXTRACTION: i32 = 1;

/// Makes a file's text, piece by piece: UTF-8 without a byte order mark and with `\n` line ends.
#[derive(Debug)]
pub(crate) struct Extractor {
    unfinished: Vec<u8>,
    at_start: bool,
    after_return: bool,
    is_blank: bool,
}

impl Default for Extractor {
    fn default() -> Self {
        Self {
            unfinished: Vec::new(),
            at_start: true,
            after_return: false,
            is_blank: true,
        }
    }
}

impl Extractor {
    /// Appends the text of the next piece of the file. A piece may end within a character.
    pub(crate) fn push(&mut self, piece: &[u8], text: &mut Vec<u8>) -> Result<(), Unusable> {
        let joined;
        let bytes = if self.unfinished.is_empty() {
            piece
        } else {
            joined = [&self.unfinished, piece].concat();
            &joined
        };
        let rest = unfinished(bytes).map_err(|NotText| Unusable::NotText)?;
        let whole = &bytes[..bytes.len() - rest.len()];
        let whole = str::from_utf8(whole).map_err(|_| Unusable::NotText)?;
        let rest = rest.to_vec();
        self.append(whole, text)?;
        self.unfinished = rest;
        Ok(())
    }

    fn append(&mut self, mut whole: &str, text: &mut Vec<u8>) -> Result<(), Unusable> {
        if self.at_start && !whole.is_empty() {
            self.at_start = false;
            whole = whole.strip_prefix('\u{feff}').unwrap_or(whole);
        }
        let blank = |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}');
        self.is_blank = self.is_blank && whole.chars().all(blank);
        for byte in whole.bytes() {
            match byte {
                0 => return Err(Unusable::NotText),
                b'\n' if self.after_return => {}
                b'\r' => text.push(b'\n'),
                _ => text.push(byte),
            }
            self.after_return = byte == b'\r';
        }
        Ok(())
    }

    /// Checks the end of the file.
    pub(crate) fn finish(&self) -> Result<(), Unusable> {
        if !self.unfinished.is_empty() {
            Err(Unusable::NotText)
        } else if self.is_blank {
            Err(Unusable::Empty)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chunks: &[&[u8]]) -> Result<(), NotText> {
        let mut check = TextCheck::default();
        chunks.iter().try_for_each(|chunk| check.push(chunk))?;
        check.finish()
    }

    #[test]
    fn a_character_may_be_split_over_chunks() {
        let text = "a€😀".as_bytes();
        for at in 0..=text.len() {
            assert_eq!(check(&[&text[..at], &text[at..]]), Ok(()), "{at}");
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(check(&bytes), Ok(()));
    }

    #[test]
    fn what_is_not_text_is_refused() {
        assert_eq!(check(&[b"\xff\xfea\x00"]), Err(NotText));
        assert_eq!(check(&[b"a", b"\0", b"b"]), Err(NotText));
        assert_eq!(check(&[b"%PDF-1.7\n%\xe2\xe3\xcf\xd3"]), Err(NotText));
        assert_eq!(check(&["é".as_bytes(), &"é".as_bytes()[..1]]), Err(NotText));
        assert_eq!(check(&[&"é".as_bytes()[..1], b"a"]), Err(NotText));
    }

    /// The text of a file that arrives in pieces of that length.
    fn extract(file: &[u8], length: usize) -> Result<String, Unusable> {
        let (mut extractor, mut text) = (Extractor::default(), Vec::new());
        for piece in file.chunks(length) {
            extractor.push(piece, &mut text)?;
        }
        extractor.finish()?;
        String::from_utf8(text).map_err(|_| Unusable::NotText)
    }

    #[test]
    fn text_loses_its_mark_and_foreign_line_ends_wherever_it_is_cut() {
        let file = "\u{feff}a\r\nb\rc\n\r\n\r€\u{feff}".as_bytes();
        for length in 1..=file.len() {
            let text = extract(file, length).unwrap();
            assert_eq!(text, "a\nb\nc\n\n\n€\u{feff}", "{length}");
        }
    }

    #[test]
    fn white_space_alone_is_no_text() {
        for text in ["", " \n\t", "\u{feff}", "\u{200b}\u{a0}"] {
            for length in [1, 9] {
                let extracted = extract(text.as_bytes(), length);
                assert_eq!(extracted, Err(Unusable::Empty), "{text:?}");
            }
        }
        for file in [&b"\xff"[..], b"a\0", b"a\xe2\x82"] {
            assert_eq!(extract(file, 1), Err(Unusable::NotText));
        }
    }
}
