//! One range of bytes of a request (RFC 9110, 14.1.2): `bytes=FIRST-LAST`.

/// The bytes from `start` up to and without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl ByteRange {
    /// Parses a header. Suffixes and lists of ranges are not understood.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
        let (start, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        let end = last.checked_add(1)?;
        (start < end).then_some(Self { start, end })
    }

    /// The part of it that exists, of at most `longest` bytes; none when it begins behind the end.
    pub(crate) fn within(self, size: u64, longest: u64) -> Option<Self> {
        let end = self.end.min(size).min(self.start.saturating_add(longest));
        (self.start < end).then_some(Self { end, ..self })
    }

    /// The value of `Content-Range`.
    pub(crate) fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.end - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_what_exists_and_may_be_read_at_once() {
        let range = ByteRange::parse("bytes=10-99").unwrap();
        assert_eq!((range.start, range.end), (10, 100));
        assert_eq!(range.within(50, 1000).unwrap().end, 50);
        let short = range.within(500, 20).unwrap();
        assert_eq!(short.content_range(500), "bytes 10-29/500");
        assert_eq!(range.within(10, 1000), None);
        for header in [
            "",
            "bytes=",
            "bytes=1-",
            "bytes=-5",
            "bytes=5-4",
            "lines=1-2",
        ] {
            assert_eq!(ByteRange::parse(header), None, "{header}");
        }
        let last = format!("bytes=0-{}", u64::MAX);
        assert_eq!(ByteRange::parse(&last), None);
    }
}
