//! The summary of a document: title, language, encoding, warnings.

use serde::{Deserialize, Serialize};

use crate::Position;

/// The last line, written when the file was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The title that the file itself names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The language (ISO 639-3), for texts that are long enough to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The character encoding, for formats that have several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// What the creator should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// The number of blocks before this line.
    pub blocks: u64,
}

/// Something in a file that was not read, or not as its name promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What.
    pub code: WarningCode,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The English name of the language, for [`WarningCode::LanguageNotUnderstood`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// The kinds of warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// A page has only a picture.
    PageWithoutText,
    /// There are more warnings of this file than are kept.
    MoreWarnings,
    /// The file is of another kind than its name says, and was read as what it is.
    WrongExtension,
    /// Nothing says how the text is encoded; it was guessed.
    GuessedCharset,
    /// Some bytes are invalid in the encoding.
    UnreadableCharacters,
    /// A file inside the file was not read.
    PartSkipped,
    /// A cell is so long that it was read as paragraphs.
    LongCell,
    /// A row could not be read.
    RowSkipped,
    /// The embedding model does not understand the language of the document.
    LanguageNotUnderstood,
    /// A warning of a later version.
    #[serde(other)]
    Other,
}

impl WarningCode {
    /// All that are written.
    pub const ALL: [Self; 9] = [
        Self::PageWithoutText,
        Self::MoreWarnings,
        Self::WrongExtension,
        Self::GuessedCharset,
        Self::UnreadableCharacters,
        Self::PartSkipped,
        Self::LongCell,
        Self::RowSkipped,
        Self::LanguageNotUnderstood,
    ];

    /// The serialised text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PageWithoutText => "page_without_text",
            Self::MoreWarnings => "more_warnings",
            Self::WrongExtension => "wrong_extension",
            Self::GuessedCharset => "guessed_charset",
            Self::UnreadableCharacters => "unreadable_characters",
            Self::PartSkipped => "part_skipped",
            Self::LongCell => "long_cell",
            Self::RowSkipped => "row_skipped",
            Self::LanguageNotUnderstood => "language_not_understood",
            Self::Other => "other",
        }
    }
}

impl Warning {
    /// What the creator reads.
    pub fn message(&self) -> String {
        let text = match self.code {
            WarningCode::PageWithoutText => match &self.position {
                Some(Position::Page(page)) => {
                    return format!("page {page} has only a picture; its text was not read");
                }
                Some(Position::Slide(slide)) => {
                    return format!("slide {slide} has only a picture; its text was not read");
                }
                _ => "a page has only a picture; its text was not read",
            },
            WarningCode::MoreWarnings => "there are more warnings than are shown",
            WarningCode::WrongExtension => {
                "the file is of another kind than its name says; it was read as what it is"
            }
            WarningCode::GuessedCharset => {
                "the encoding of the text was guessed; check accents, or save the file as UTF-8"
            }
            WarningCode::UnreadableCharacters => {
                "some characters could not be read and were replaced"
            }
            WarningCode::PartSkipped => {
                "a file inside this file was not read; upload it separately"
            }
            WarningCode::LongCell => "a very long cell was read as paragraphs",
            WarningCode::RowSkipped => "a row could not be read and was left out",
            WarningCode::LanguageNotUnderstood => {
                let language = self.language.as_deref().unwrap_or("another language");
                return format!(
                    "the text is in {language}, which the platform's embedding model does not \
                     understand: it is found by its words, not by its meaning; ask the operator \
                     of the platform for a multilingual model, or add a translation"
                );
            }
            WarningCode::Other => "something in the file was not read",
        };
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_spelled_on_the_wire_as_in_the_api() {
        for code in WarningCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        let position = Some(Position::Page(7));
        let code = WarningCode::PageWithoutText;
        let message = |code, position, language: Option<&str>| {
            let language = language.map(str::to_owned);
            Warning {
                code,
                position,
                language,
            }
            .message()
        };
        let picture = message(code, position, None);
        assert!(
            picture.starts_with("page 7 has only a picture"),
            "{picture}"
        );
        let code = WarningCode::LanguageNotUnderstood;
        let language = message(code, None, Some("Japanese"));
        assert!(
            language.starts_with("the text is in Japanese, which"),
            "{language}"
        );
    }
}
