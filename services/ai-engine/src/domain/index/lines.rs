//! Cuts bytes that arrive in pieces into lines.

/// A longer line is cut, so that a text without line ends need not fit into memory.
const MAX_LINE: usize = 64 * 1024;

/// Bytes of UTF-8 that do not make a line yet.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    rest: Vec<u8>,
}

impl LineBuffer {
    /// Calls `each` with the lines that are complete with this piece.
    pub(crate) fn push(&mut self, piece: &[u8], mut each: impl FnMut(&str)) {
        let mut remaining = piece;
        while let Some(end) = memchr::memchr(b'\n', remaining) {
            self.rest.extend_from_slice(&remaining[..end]);
            remaining = &remaining[end + 1..];
            self.cut(&mut each);
            each(&String::from_utf8_lossy(&self.rest));
            self.rest.clear();
        }
        self.rest.extend_from_slice(remaining);
        self.cut(&mut each);
    }

    /// Calls `each` with the last line, if it has no line end.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(&str)) {
        if !self.rest.is_empty() {
            each(&String::from_utf8_lossy(&self.rest));
            self.rest.clear();
        }
    }

    /// Cuts what is too long at white space, or else between characters.
    fn cut(&mut self, each: &mut impl FnMut(&str)) {
        while self.rest.len() > MAX_LINE {
            let head = &self.rest[..MAX_LINE];
            let gap = head.iter().rposition(u8::is_ascii_whitespace);
            let is_start = |byte: &u8| byte & 0b1100_0000 != 0b1000_0000;
            let boundary = self.rest[..=MAX_LINE].iter().rposition(is_start);
            let at = gap.or(boundary).filter(|at| *at > 0).unwrap_or(MAX_LINE);
            each(&String::from_utf8_lossy(&self.rest[..at]));
            self.rest.drain(..at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, length: usize) -> Vec<String> {
        let (mut lines, mut found) = (LineBuffer::default(), Vec::new());
        for piece in text.as_bytes().chunks(length) {
            lines.push(piece, |line| found.push(line.to_owned()));
        }
        lines.finish(|line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn lines_are_the_same_wherever_the_pieces_end() {
        let text = "one\n\ntwo € 静\nthree";
        for length in 1..=text.len() {
            assert_eq!(lines(text, length), ["one", "", "two € 静", "three"]);
        }
        assert_eq!(lines("one\n", 2), ["one"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_loses_nothing() {
        for text in [
            "静".repeat(60_000),
            "word ".repeat(40_000),
            "x".repeat(200_000),
        ] {
            for length in [1000, 1_000_000] {
                let found = lines(&text, length);
                assert!(found.len() > 1);
                assert!(found.iter().all(|line| line.len() <= MAX_LINE));
                assert_eq!(found.concat(), text);
            }
        }
    }
}
