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

/// The text of a file, without a byte order mark and with `\n` line ends.
pub(crate) fn normalise(bytes: Vec<u8>) -> Result<String, Unusable> {
    let mut text = String::from_utf8(bytes).map_err(|_| Unusable::NotText)?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if text.contains('\0') {
        return Err(Unusable::NotText);
    }
    if text.contains('\r') {
        text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
    let blank = |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}');
    if text.chars().all(blank) {
        Err(Unusable::Empty)
    } else {
        Ok(text)
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

    #[test]
    fn text_loses_its_mark_and_foreign_line_ends() {
        let text = normalise("\u{feff}a\r\nb\rc\n".as_bytes().to_vec());
        assert_eq!(text.unwrap(), "a\nb\nc\n");
    }

    #[test]
    fn white_space_alone_is_no_text() {
        for text in ["", " \n\t", "\u{feff}", "\u{200b}\u{a0}"] {
            assert_eq!(
                normalise(text.as_bytes().to_vec()),
                Err(Unusable::Empty),
                "{text:?}"
            );
        }
        assert_eq!(normalise(vec![0xff]), Err(Unusable::NotText));
    }
}
