//! Title, kind and state of a document.

use serde::{Deserialize, Serialize};
use shared_ai_client::TextKind;
use shared_models::text::SingleLine;
use utoipa::ToSchema;

/// Longest title, characters.
pub(crate) const TITLE: usize = shared_models::limits::DOCUMENT_TITLE;
/// Longest description, characters.
pub(crate) const DESCRIPTION: usize = 1000;
/// Most tags of a document.
pub(crate) const TAGS: usize = 20;
/// Longest tag, characters.
pub(crate) const TAG: usize = 50;
/// Longest stored file name, characters.
const FILENAME: usize = 255;

/// The accepted file types, for error messages.
pub(crate) const ACCEPTED_EXTENSIONS: &str =
    "plain text (.txt) and Markdown (.md, .markdown), in UTF-8";

/// The processing state of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DocumentState {
    /// Waits for a worker.
    Pending,
    /// Is being processed, or waits for another attempt.
    Processing,
    /// Is searchable.
    Ready,
    /// Processing failed; `error` says why.
    Failed,
}

impl DocumentState {
    /// The name in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    /// The state of that name; none for `erasing`, which callers never see.
    pub(crate) fn from_name(word: &str) -> Option<Self> {
        [Self::Pending, Self::Processing, Self::Ready, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == word)
    }

    /// Whether processing is waiting or running.
    pub(crate) const fn is_moving(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }
}

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DocumentKind {
    /// Plain text.
    Txt,
    /// Markdown.
    Md,
}

impl DocumentKind {
    /// The kind according to the file's name.
    pub(crate) fn of_filename(filename: &str) -> Option<Self> {
        let (_, extension) = filename.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "txt" => Some(Self::Txt),
            "md" | "markdown" => Some(Self::Md),
            _ => None,
        }
    }

    /// The name in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Txt => "txt",
            Self::Md => "md",
        }
    }

    /// The kind of that name.
    pub(crate) fn from_name(word: &str) -> Option<Self> {
        [Self::Txt, Self::Md]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// How its text is structured.
    pub(crate) const fn text(self) -> TextKind {
        match self {
            Self::Txt => TextKind::Plain,
            Self::Md => TextKind::Markdown,
        }
    }
}

/// The name of an uploaded file, safe to display: no folders, no control characters. It is never
/// used as the name of a stored file.
pub(crate) fn shown_filename(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = last.chars().filter(|c| !c.is_control()).collect();
    let (name, extension) = shown
        .trim()
        .rsplit_once('.')
        .unwrap_or_else(|| (shown.trim(), ""));
    let extension: String = extension.chars().take(16).collect();
    let room = FILENAME - 1 - extension.chars().count();
    let name: String = name.chars().take(room).collect();
    format!("{name}.{extension}")
}

/// The default title of a document: its file's name without the extension.
pub(crate) fn title_of(filename: &str) -> String {
    let stem = filename.rsplit_once('.').map_or(filename, |(stem, _)| stem);
    let short: String = stem.chars().take(TITLE).collect();
    SingleLine::<TITLE>::parse(&short).map_or_else(|_| "Untitled".to_owned(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_tells_the_kind() {
        for (name, kind) in [
            ("a.txt", Some(DocumentKind::Txt)),
            ("a.b.MD", Some(DocumentKind::Md)),
            ("notes.markdown", Some(DocumentKind::Md)),
            ("a.pdf", None),
            ("txt", None),
            ("", None),
        ] {
            assert_eq!(DocumentKind::of_filename(name), kind, "{name}");
        }
    }

    #[test]
    fn a_filename_is_shown_without_its_folders() {
        assert_eq!(shown_filename("../../etc/pass\u{0}wd.txt"), "passwd.txt");
        assert_eq!(shown_filename("C:\\notes\\a.md"), "a.md");
        assert_eq!(
            shown_filename(&format!("{}.txt", "ä".repeat(400)))
                .chars()
                .count(),
            255
        );
    }

    #[test]
    fn a_document_without_a_title_is_called_like_its_file() {
        assert_eq!(title_of("Sleep better.md"), "Sleep better");
        assert_eq!(title_of(".md"), "Untitled");
        assert_eq!(title_of(&format!("{}.md", "a".repeat(300))).len(), TITLE);
    }
}
