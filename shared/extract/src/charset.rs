//! How a text is encoded, and its lines, read piece by piece.

use std::io::{self, Read, Seek, SeekFrom};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use shared_document::{ReadFailure, WarningCode};

use crate::{ExtractError, Output};

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;
/// Bytes from which an encoding is guessed.
const GUESSED: usize = 1024 * 1024;
/// UTF-16 without a byte order mark is recognised in texts of at least so many characters.
const MIN_PAIRS: usize = 4;
/// A longer line is cut at white space.
const MAX_LINE: usize = 16 * 1024;
/// Among so many characters beyond ASCII, one may be broken in a text that is UTF-8 all the same.
const FAULTS: u64 = 1000;

/// How a text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charset {
    pub(crate) encoding: &'static Encoding,
    /// It is not declared, and must be guessed.
    pub(crate) is_guessed: bool,
}

/// Whether the beginning of a file can be text of some encoding.
pub(crate) fn is_text(head: &[u8]) -> bool {
    if head.starts_with(&[0xff, 0xfe, 0, 0]) || head.starts_with(&[0, 0, 0xfe, 0xff]) {
        return false;
    }
    if Encoding::for_bom(head).is_some() || utf16_without_mark(head).is_some() {
        return true;
    }
    let is_noise = |byte: &&u8| matches!(**byte, 1..=8 | 14..=26 | 0x7f);
    let noise = head.iter().filter(is_noise).count();
    !head.contains(&0) && noise * 50 <= head.len()
}

/// UTF-16 whose letters are mostly Latin: every second byte is zero.
fn utf16_without_mark(head: &[u8]) -> Option<&'static Encoding> {
    let (pairs, odd) = head.as_chunks::<2>();
    if pairs.len() < MIN_PAIRS || !odd.is_empty() {
        return None;
    }
    let zeros = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    let (high, low) = (zeros(0), zeros(1));
    let (many, few) = (pairs.len() * 3 / 10, pairs.len() / 50);
    let encoding = if low > many && high <= few {
        UTF_16LE
    } else if high > many && low <= few {
        UTF_16BE
    } else {
        return None;
    };
    let text =
        encoding.decode_without_bom_handling_and_without_replacement(pairs.as_flattened())?;
    let is_control = |c: char| c.is_control() && !c.is_whitespace();
    (!text.contains(is_control)).then_some(encoding)
}

/// Looks at a whole file: a byte order mark, then UTF-8, then a guess.
pub(crate) fn detect(input: &mut (impl Read + Seek)) -> Result<Charset, ExtractError> {
    input.seek(SeekFrom::Start(0))?;
    let mut piece = vec![0; PIECE];
    let mut length = fill(input, &mut piece)?;
    let head = &piece[..length];
    if !is_text(head) {
        return Err(ReadFailure::NotText.into());
    }
    let marked = Encoding::for_bom(head).map(|(encoding, _)| encoding);
    if let Some(encoding) = marked.or_else(|| utf16_without_mark(head)) {
        return Ok(Charset {
            encoding,
            is_guessed: false,
        });
    }
    let (mut check, mut seen) = (Utf8Check::default(), 0);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    while length > 0 {
        let part = &piece[..length];
        if part.contains(&0) {
            return Err(ReadFailure::NotText.into());
        }
        check.push(part);
        if seen < GUESSED {
            detector.feed(part, false);
        }
        seen += length;
        length = fill(input, &mut piece)?;
    }
    if check.is_utf8() {
        return Ok(Charset {
            encoding: UTF_8,
            is_guessed: false,
        });
    }
    detector.feed(&[], true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    Ok(Charset {
        encoding,
        is_guessed: true,
    })
}

/// Reads until the buffer is full or the file ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match input.read(&mut buffer[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

/// Counts non-ASCII characters and invalid bytes.
#[derive(Debug, Default)]
struct Utf8Check {
    rest: Vec<u8>,
    characters: u64,
    faults: u64,
}

impl Utf8Check {
    fn push(&mut self, piece: &[u8]) {
        let joined = [self.rest.as_slice(), piece].concat();
        self.rest.clear();
        let mut bytes = joined.as_slice();
        loop {
            let (valid, rest) = match std::str::from_utf8(bytes) {
                Ok(text) => (text, &bytes[bytes.len()..]),
                Err(error) => {
                    let (valid, rest) = bytes.split_at(error.valid_up_to());
                    let valid = std::str::from_utf8(valid).unwrap_or_default();
                    if let Some(length) = error.error_len() {
                        self.faults += 1;
                        (valid, &rest[length..])
                    } else {
                        self.rest = rest.to_vec();
                        (valid, &rest[rest.len()..])
                    }
                }
            };
            self.characters += valid.chars().filter(|c| !c.is_ascii()).count() as u64;
            if rest.is_empty() {
                return;
            }
            bytes = rest;
        }
    }

    /// A file that is cut off within its last character is UTF-8 nevertheless.
    fn is_utf8(&self) -> bool {
        self.faults * FAULTS <= self.characters
    }
}

/// Decodes the bytes of a page: byte order mark, what it declares, UTF-8, a guess.
pub(crate) fn decode_page(bytes: &[u8]) -> (String, Charset) {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    let declared = marked
        .or_else(|| utf16_without_mark(&bytes[..bytes.len().min(PIECE)]))
        .or_else(|| declared(&bytes[..bytes.len().min(4096)]));
    let charset = if let Some(encoding) = declared {
        Charset {
            encoding,
            is_guessed: false,
        }
    } else {
        undeclared(bytes)
    };
    let (text, _, _) = charset.encoding.decode(bytes);
    (text.into_owned(), charset)
}

/// Decodes the bytes of a text: byte order mark, UTF-8, a guess. None if they are no text.
pub(crate) fn decode_text(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(PIECE)];
    if !is_text(head) {
        return None;
    }
    let marked = Encoding::for_bom(head).map(|(encoding, _)| encoding);
    let known = marked.or_else(|| utf16_without_mark(head));
    let (text, _, _) = known
        .unwrap_or_else(|| undeclared(bytes).encoding)
        .decode(bytes);
    (!text.contains('\0')).then(|| text.into_owned())
}

/// How bytes are encoded that do not say it: UTF-8, or a guess.
fn undeclared(bytes: &[u8]) -> Charset {
    let mut check = Utf8Check::default();
    check.push(bytes);
    if check.is_utf8() {
        return Charset {
            encoding: UTF_8,
            is_guessed: false,
        };
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(GUESSED)], true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    Charset {
        encoding,
        is_guessed: true,
    }
}

/// The encoding that `<meta charset>` or an XML declaration names.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    for key in ["charset=", "encoding="] {
        for (at, _) in head.match_indices(key) {
            let value = head[at + key.len()..].trim_start_matches(['"', '\'', ' ']);
            let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c)));
            let label = &value[..end.unwrap_or(value.len())];
            if let Some(encoding) = Encoding::for_label(label.as_bytes()) {
                // A declaration that can be read as ASCII does not stand in UTF-16.
                let is_wide = encoding == UTF_16LE || encoding == UTF_16BE;
                return Some(if is_wide { UTF_8 } else { encoding });
            }
        }
    }
    None
}

/// A text file that is decoded while it is read.
pub(crate) struct TextReader<'a, R> {
    input: &'a mut R,
    decoder: Decoder,
    raw: Vec<u8>,
    text: String,
    at: usize,
    is_over: bool,
    has_faults: bool,
    max_line: usize,
}

impl<'a, R: Read + Seek> TextReader<'a, R> {
    /// Opens a text, and notes on the output how it is encoded.
    pub(crate) fn open(input: &'a mut R, output: &mut Output<'_>) -> Result<Self, ExtractError> {
        let Charset {
            encoding,
            is_guessed,
        } = detect(input)?;
        output.charset(encoding.name());
        if is_guessed {
            output.warn(WarningCode::GuessedCharset, None);
        }
        input.seek(SeekFrom::Start(0))?;
        Ok(Self {
            input,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; PIECE],
            text: String::new(),
            at: 0,
            is_over: false,
            has_faults: false,
            max_line: MAX_LINE,
        })
    }

    /// The same with lines of up to so many bytes.
    pub(crate) const fn with_max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// The next line without its end; none at the end of the file.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<String>> {
        loop {
            let rest = &self.text[self.at..];
            if let Some(end) = rest.find(['\n', '\r']) {
                let is_return = rest[end..].starts_with('\r');
                // What follows a carriage return decides how long the line end is.
                if !is_return || rest.len() > end + 1 || self.is_over {
                    let line = rest[..end].to_owned();
                    let ends = if rest[end..].starts_with("\r\n") {
                        2
                    } else {
                        1
                    };
                    self.at += end + ends;
                    return Ok(Some(line));
                }
            } else if rest.len() > self.max_line {
                let head = &rest[..rest.floor_char_boundary(self.max_line)];
                let gap = head.rfind(char::is_whitespace).filter(|at| *at > 0);
                let line = head[..gap.unwrap_or(head.len())].to_owned();
                self.at += line.len();
                return Ok(Some(line));
            } else if self.is_over {
                let line = rest.to_owned();
                self.at = self.text.len();
                return Ok((!line.is_empty()).then_some(line));
            }
            self.fill()?;
        }
    }

    /// Notes on the output what could not be decoded.
    pub(crate) fn finish(self, output: &mut Output<'_>) {
        if self.has_faults {
            output.warn(WarningCode::UnreadableCharacters, None);
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text.drain(..self.at);
        self.at = 0;
        let length = fill(self.input, &mut self.raw)?;
        self.is_over = length < self.raw.len();
        let mut bytes = &self.raw[..length];
        loop {
            self.text.reserve(bytes.len() + 16);
            let (result, read, faults) =
                self.decoder
                    .decode_to_string(bytes, &mut self.text, self.is_over);
            self.has_faults |= faults;
            bytes = &bytes[read..];
            if result == CoderResult::InputEmpty {
                return Ok(());
            }
        }
    }
}

impl<R: Read + Seek> Read for TextReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.is_over {
            self.fill()?;
        }
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        // A buffer may end within a character; the next call goes on from there by bytes.
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
