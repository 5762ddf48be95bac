//! The kind of a file: by its content first, then by its name.

use std::io::{self, Read, Seek, SeekFrom};

use infer::MatcherType;
use shared_document::ReadFailure;
use zip::ZipArchive;

use crate::ExtractError;
use crate::charset;

/// How many bytes of a file tell what it can be.
pub const HEAD: usize = 4096;

/// The kinds of files that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Plain text.
    Text,
    /// Markdown.
    Markdown,
    /// A page.
    Html,
    /// A table as text.
    Csv,
    /// `SubRip` subtitles.
    Srt,
    /// `WebVTT` subtitles.
    Vtt,
    /// Portable documents.
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
    /// Pages of a note-taking program in a zip archive.
    Export,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Text,
        Self::Markdown,
        Self::Html,
        Self::Csv,
        Self::Srt,
        Self::Vtt,
        Self::Pdf,
        Self::Docx,
        Self::Pptx,
        Self::Xlsx,
        Self::Odt,
        Self::Epub,
        Self::Export,
    ];

    /// The endings of file names, the usual one first.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Text => &["txt", "text"],
            Self::Markdown => &["md", "markdown"],
            Self::Html => &["html", "htm", "xhtml"],
            Self::Csv => &["csv", "tsv"],
            Self::Srt => &["srt"],
            Self::Vtt => &["vtt"],
            Self::Pdf => &["pdf"],
            Self::Docx => &["docx", "docm", "dotx"],
            Self::Pptx => &["pptx", "pptm", "ppsx"],
            Self::Xlsx => &["xlsx", "xlsm"],
            Self::Odt => &["odt"],
            Self::Epub => &["epub"],
            Self::Export => &["zip"],
        }
    }

    /// The kind that the ending of a file name promises.
    pub fn of_extension(extension: &str) -> Option<Self> {
        let extension = extension.to_ascii_lowercase();
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.extensions().contains(&extension.as_str()))
    }

    /// Whether files of this kind are text that can be looked at in an editor.
    const fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text | Self::Markdown | Self::Html | Self::Csv | Self::Srt | Self::Vtt
        )
    }

    /// Whether files of this kind are zip archives.
    pub(crate) const fn is_zip(self) -> bool {
        !self.is_text() && !matches!(self, Self::Pdf)
    }
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signature {
    Pdf,
    Zip,
    /// The container of old Office files, and of encrypted new ones.
    Compound,
    Vtt,
    Html,
    Text,
    Other,
}

impl Signature {
    fn of(head: &[u8]) -> Self {
        let mark = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let start = mark.trim_ascii_start();
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            return Self::Zip;
        }
        if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
            return Self::Compound;
        }
        let pdf = memchr::memmem::find(&mark[..mark.len().min(1024)], b"%PDF-");
        if pdf == Some(0) || pdf.is_some() && !charset::is_text(head) {
            return Self::Pdf;
        }
        if mark.starts_with(b"WEBVTT") {
            return Self::Vtt;
        }
        let begins = |word: &[u8]| {
            start.len() > word.len() && start[..word.len()].eq_ignore_ascii_case(word)
        };
        if begins(b"<!doctype html") || begins(b"<html") {
            return Self::Html;
        }
        let is_foreign = infer::get(head).is_some_and(|found| {
            !matches!(found.matcher_type(), MatcherType::Text | MatcherType::Doc)
        });
        if begins(b"{\\rtf") || begins(b"%!PS") || is_foreign || !charset::is_text(head) {
            return Self::Other;
        }
        Self::Text
    }
}

/// Whether a file that begins like this, with that ending of its name, is worth storing; its kind
/// as far as the beginning tells. The reader looks at the whole file later.
pub fn of_head(head: &[u8], extension: &str) -> Result<Kind, ReadFailure> {
    let named = Kind::of_extension(extension);
    let found = match Signature::of(head) {
        Signature::Pdf => Some(Kind::Pdf),
        Signature::Vtt => Some(Kind::Vtt),
        Signature::Html => Some(Kind::Html)
            .filter(|_| named != Some(Kind::Markdown))
            .or(named),
        Signature::Zip => named.filter(|kind| kind.is_zip()),
        // An encrypted document is stored, so that its failure says what to do.
        Signature::Compound => named.filter(|kind| kind.is_zip()),
        Signature::Text => named.map(|kind| if kind.is_text() { kind } else { Kind::Text }),
        Signature::Other if named.is_some_and(Kind::is_text) => return Err(ReadFailure::NotText),
        // A damaged file keeps its name; reading it says what is wrong.
        Signature::Other if !charset::is_text(head) && infer::get(head).is_none() => named,
        Signature::Other => None,
    };
    found.ok_or(ReadFailure::Unsupported)
}

/// The kind of a file, and whether its name promises another one.
pub(crate) fn of_file(
    input: &mut (impl Read + Seek),
    extension: &str,
) -> Result<(Kind, bool), ExtractError> {
    let head = head(input)?;
    let named = Kind::of_extension(extension);
    let found = match Signature::of(&head) {
        Signature::Zip => of_archive(input, named)?,
        Signature::Compound => return Err(of_compound(input)?.into()),
        Signature::Other => {
            let failure = match named {
                Some(kind) if kind.is_text() => ReadFailure::NotText,
                Some(_) if infer::get(&head).is_none() => ReadFailure::Damaged,
                _ => ReadFailure::Unsupported,
            };
            return Err(failure.into());
        }
        _ if head.is_empty() => return Err(ReadFailure::EmptyDocument.into()),
        _ => of_head(&head, extension)?,
    };
    Ok((found, named != Some(found)))
}

/// Whether a file begins like a PDF, which another program reads.
pub(crate) fn is_pdf(input: &mut (impl Read + Seek)) -> io::Result<bool> {
    Ok(Signature::of(&head(input)?) == Signature::Pdf)
}

/// Whether a file may be an archive of pages and documents, by its first bytes and its name.
pub(crate) fn may_be_export(input: &mut (impl Read + Seek), extension: &str) -> io::Result<bool> {
    let is_named_so = Kind::of_extension(extension) == Some(Kind::Export);
    Ok(is_named_so && Signature::of(&head(input)?) == Signature::Zip)
}

fn head(input: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
    input.seek(SeekFrom::Start(0))?;
    let mut head = Vec::with_capacity(HEAD);
    input.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    input.seek(SeekFrom::Start(0))?;
    Ok(head)
}

/// What an archive is, by the names of its parts. Any other one is an export if its name says so.
fn of_archive<R: Read + Seek>(input: &mut R, promised: Option<Kind>) -> Result<Kind, ExtractError> {
    let mut archive = ZipArchive::new(&mut *input).map_err(|_| ReadFailure::Damaged)?;
    let mut declared = Vec::new();
    if let Ok(part) = archive.by_name("mimetype") {
        let read = part.take(200).read_to_end(&mut declared);
        read.map_err(|_| ReadFailure::Damaged)?;
    }
    let has = |archive: &ZipArchive<&mut R>, name: &str| {
        let mut names = archive.file_names().filter_map(Result::ok);
        names.any(|part| part.eq_ignore_ascii_case(name))
    };
    let declared = String::from_utf8_lossy(&declared);
    let kind = match declared.trim() {
        "application/epub+zip" => Kind::Epub,
        "application/vnd.oasis.opendocument.text" => Kind::Odt,
        _ if has(&archive, "word/document.xml") => Kind::Docx,
        _ if has(&archive, "ppt/presentation.xml") => Kind::Pptx,
        _ if has(&archive, "xl/workbook.xml") => Kind::Xlsx,
        _ if has(&archive, "META-INF/container.xml") => Kind::Epub,
        _ if promised == Some(Kind::Export) => Kind::Export,
        _ => return Err(ReadFailure::Unsupported.into()),
    };
    Ok(kind)
}

/// A compound file is an encrypted document or one of a kind that is not read.
fn of_compound(input: &mut (impl Read + Seek)) -> io::Result<ReadFailure> {
    let name: Vec<u8> = "EncryptedPackage"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    Ok(if contains(input, &name)? {
        ReadFailure::Encrypted
    } else {
        ReadFailure::Unsupported
    })
}

/// Whether these bytes stand anywhere in a file.
pub(crate) fn contains(input: &mut (impl Read + Seek), wanted: &[u8]) -> io::Result<bool> {
    input.seek(SeekFrom::Start(0))?;
    let (mut window, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let read = input.read(&mut piece)?;
        if read == 0 {
            return Ok(false);
        }
        window.extend_from_slice(&piece[..read]);
        if memchr::memmem::find(&window, wanted).is_some() {
            return Ok(true);
        }
        let keep = window.len().saturating_sub(wanted.len());
        window.drain(..keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_decides_before_the_name() {
        for (head, extension, expected) in [
            (&b"%PDF-1.7\n"[..], "pdf", Ok(Kind::Pdf)),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "md", Ok(Kind::Pdf)),
            (b"\xef\xbb\xbf%PDF-1.7\n", "pdf", Ok(Kind::Pdf)),
            (b"# Title", "md", Ok(Kind::Markdown)),
            (b"# Title", "markdown", Ok(Kind::Markdown)),
            (b"plain words", "pdf", Ok(Kind::Text)),
            (b"plain words", "exe", Err(ReadFailure::Unsupported)),
            (b"WEBVTT\n\n00:01.000", "txt", Ok(Kind::Vtt)),
            (b"\n<!DOCTYPE html><p>x", "txt", Ok(Kind::Html)),
            (b"PK\x03\x04rest", "docx", Ok(Kind::Docx)),
            (b"PK\x03\x04rest", "zip", Ok(Kind::Export)),
            (b"PK\x03\x04rest", "txt", Err(ReadFailure::Unsupported)),
            (
                b"\x7fELF\x02\x01\x01\0\0\0",
                "md",
                Err(ReadFailure::NotText),
            ),
            (
                b"\x89PNG\r\n\x1a\n\0\0\0",
                "png",
                Err(ReadFailure::Unsupported),
            ),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "docx", Ok(Kind::Docx)),
            (
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
                "doc",
                Err(ReadFailure::Unsupported),
            ),
            (b"\xff\xfeH\0i\0", "txt", Ok(Kind::Text)),
            (b"a\0b", "txt", Err(ReadFailure::NotText)),
            (b"{\\rtf1", "rtf", Err(ReadFailure::Unsupported)),
        ] {
            assert_eq!(of_head(head, extension), expected, "{extension}: {head:?}");
        }
    }

    #[test]
    fn every_kind_has_its_own_endings() {
        for kind in Kind::ALL {
            for extension in kind.extensions() {
                assert_eq!(Kind::of_extension(&extension.to_uppercase()), Some(kind));
            }
        }
        assert_eq!(Kind::of_extension("doc"), None);
    }
}
