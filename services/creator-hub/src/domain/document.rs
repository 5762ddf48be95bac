//! Title, kind and state of a document.

use serde::{Deserialize, Serialize};
use shared_extract::kind::Kind;
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
pub(crate) const ACCEPTED_EXTENSIONS: &str = "PDF (.pdf), Word (.docx), PowerPoint (.pptx), \
    Excel (.xlsx), OpenDocument text (.odt), e-books (.epub), pages (.html), Markdown (.md), \
    plain text (.txt), tables (.csv), subtitles (.srt, .vtt) and exports of note-taking programs \
    (.zip)";

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
    /// A page.
    Html,
    /// A table as text.
    Csv,
    /// `SubRip` subtitles.
    Srt,
    /// `WebVTT` subtitles.
    Vtt,
    /// A portable document.
    Pdf,
    /// Word.
    Docx,
    /// `PowerPoint`.
    Pptx,
    /// Excel.
    Xlsx,
    /// `OpenDocument` text.
    Odt,
    /// An e-book.
    Epub,
    /// An export of a note-taking program.
    Zip,
}

impl From<Kind> for DocumentKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Txt,
            Kind::Markdown => Self::Md,
            Kind::Html => Self::Html,
            Kind::Csv => Self::Csv,
            Kind::Srt => Self::Srt,
            Kind::Vtt => Self::Vtt,
            Kind::Pdf => Self::Pdf,
            Kind::Docx => Self::Docx,
            Kind::Pptx => Self::Pptx,
            Kind::Xlsx => Self::Xlsx,
            Kind::Odt => Self::Odt,
            Kind::Epub => Self::Epub,
            Kind::Export => Self::Zip,
        }
    }
}

impl DocumentKind {
    /// The name in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Txt => "txt",
            Self::Md => "md",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Srt => "srt",
            Self::Vtt => "vtt",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Pptx => "pptx",
            Self::Xlsx => "xlsx",
            Self::Odt => "odt",
            Self::Epub => "epub",
            Self::Zip => "zip",
        }
    }

    /// The kind of that name.
    pub(crate) fn from_name(word: &str) -> Option<Self> {
        let mut all = Kind::ALL.into_iter().map(Self::from);
        all.find(|kind| kind.as_str() == word)
    }
}

/// What follows the last dot of a file's name.
pub(crate) fn extension(filename: &str) -> &str {
    filename
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension)
}

/// The name of an uploaded file, safe to display: no folders, no control characters. It is never
/// used as the name of a stored file.
pub(crate) fn shown_filename(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = last.chars().filter(|c| !is_unseen(*c)).collect();
    let (name, extension) = shown
        .trim()
        .rsplit_once('.')
        .unwrap_or_else(|| (shown.trim(), ""));
    let extension: String = extension.chars().take(16).collect();
    let room = FILENAME - 1 - extension.chars().count();
    let name: String = name.chars().take(room).collect();
    if extension.is_empty() {
        return name;
    }
    format!("{name}.{extension}")
}

/// Control characters, and those that show nothing or turn the direction of what follows.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

/// The default title of a document: its file's name without the extension.
pub(crate) fn title_of(filename: &str) -> String {
    let stem = filename.rsplit_once('.').map_or(filename, |(stem, _)| stem);
    fitting_title(stem).unwrap_or_else(|| UNTITLED.to_owned())
}

/// What a document is called that nothing gives a name.
pub(crate) const UNTITLED: &str = "Untitled";

/// A text as a title: without control characters, cut at the limit; none if nothing is left.
pub(crate) fn fitting_title(text: &str) -> Option<String> {
    let shown = text.trim().chars().filter(|c| !is_unseen(*c));
    let short: String = shown.take(TITLE).collect();
    SingleLine::<TITLE>::parse(&short).ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name_in_the_database() {
        for kind in Kind::ALL.map(DocumentKind::from) {
            assert_eq!(DocumentKind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(DocumentKind::from_name("doc"), None);
    }

    #[test]
    fn a_filename_is_shown_without_its_folders() {
        assert_eq!(shown_filename("../../etc/pass\u{0}wd.txt"), "passwd.txt");
        assert_eq!(shown_filename("C:\\notes\\a.md"), "a.md");
        assert_eq!(shown_filename("plan\u{202e}dm.md"), "plandm.md");
        assert_eq!(shown_filename("notes"), "notes");
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
