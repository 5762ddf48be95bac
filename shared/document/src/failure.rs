//! Why a file could not be read.

use serde::{Deserialize, Serialize};

/// Why a file could not be read. The serialised text is the error code that the API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadFailure {
    /// It cannot be opened without a password.
    Encrypted,
    /// It is cut off or malformed.
    Damaged,
    /// It has pictures only.
    NoText,
    /// It holds nothing but white space.
    EmptyDocument,
    /// It has the name of a text file, but is not text.
    NotText,
    /// Files of its kind are not read.
    Unsupported,
    /// Its parts are larger than allowed when they are unpacked.
    TooLargeInflated,
    /// It has more parts than allowed.
    TooManyParts,
    /// Its parts are nested deeper than allowed.
    TooDeep,
    /// More text came out of it than allowed.
    TooMuchText,
    /// Reading took too long.
    TimedOut,
    /// Reading took too much memory.
    OutOfMemory,
    /// The reader failed.
    #[serde(other)]
    ReaderFailed,
}

impl ReadFailure {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Encrypted,
        Self::Damaged,
        Self::NoText,
        Self::EmptyDocument,
        Self::NotText,
        Self::Unsupported,
        Self::TooLargeInflated,
        Self::TooManyParts,
        Self::TooDeep,
        Self::TooMuchText,
        Self::TimedOut,
        Self::OutOfMemory,
        Self::ReaderFailed,
    ];

    /// The serialised text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Damaged => "damaged",
            Self::NoText => "no_text",
            Self::EmptyDocument => "empty_document",
            Self::NotText => "not_text",
            Self::Unsupported => "unsupported",
            Self::TooLargeInflated => "too_large_inflated",
            Self::TooManyParts => "too_many_parts",
            Self::TooDeep => "too_deep",
            Self::TooMuchText => "too_much_text",
            Self::TimedOut => "timed_out",
            Self::OutOfMemory => "out_of_memory",
            Self::ReaderFailed => "reader_failed",
        }
    }

    /// What the creator reads: what is wrong, and what to do.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Encrypted => {
                "the file is protected by a password; save it without one and upload it again"
            }
            Self::Damaged => {
                "the file is damaged or cut off; open it in its program, save a new copy and \
                 upload that"
            }
            Self::NoText => {
                "the file has pictures but no text; run text recognition (OCR) on it and upload \
                 the result"
            }
            Self::EmptyDocument => "the file holds nothing but white space; upload one with text",
            Self::NotText => {
                "the file is named like a text but is none; save it as text and upload it again"
            }
            Self::Unsupported => {
                "files of this kind are not read; save it as PDF, DOCX, PPTX, XLSX, ODT, EPUB, \
                 HTML, Markdown, text, CSV, SRT or VTT"
            }
            Self::TooLargeInflated => {
                "the file grows too large when it is unpacked; remove pictures or split it"
            }
            Self::TooManyParts => "the file has too many parts; split it",
            Self::TooDeep => "the file is nested too deeply; save it in a simpler form",
            Self::TooMuchText => "the file has too much text for one document; split it",
            Self::TimedOut => {
                "reading the file took too long; split it or save it in another format"
            }
            Self::OutOfMemory => {
                "reading the file took too much memory; split it or save it in another format"
            }
            Self::ReaderFailed => {
                "the file could not be read; process it again, or save it in another format"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_spelled_on_the_wire_as_in_the_api() {
        for failure in ReadFailure::ALL {
            assert_eq!(serde_json::to_value(failure).unwrap(), failure.as_str());
        }
        let unknown: ReadFailure = serde_json::from_str("\"of a later version\"").unwrap();
        assert_eq!(unknown, ReadFailure::ReaderFailed);
    }
}
