//! Exports of note-taking programs (Obsidian, Notion, Google Docs and others): a zip archive of
//! pages and other documents, whose folders are the hierarchy.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};

use shared_document::{Position, ReadFailure, WarningCode};
use zip::ZipArchive;

use crate::delimited::Csv;
use crate::epub::Epub;
use crate::html::Html;
use crate::kind::{self, Kind};
use crate::markdown::Markdown;
use crate::odt::Odt;
use crate::office::Office;
use crate::output::Page;
use crate::pdf::Pdf;
use crate::pdf::relay::{MAX_PDF, PdfHelper};
use crate::plain::Plain;
use crate::sheets::Xlsx;
use crate::subtitles::Subtitles;
use crate::{ExtractError, Extractor, Output, archive};

/// A larger page or document is left out: all of it is in memory while it is read.
const MAX_PAGE: u64 = 16 * 1024 * 1024;
/// A larger archive inside is left out, for the same reason.
const MAX_INNER: u64 = 64 * 1024 * 1024;
/// Notion appends the id of a page to its name: a space and so many hexadecimal digits.
const NOTION_ID: usize = 32;
/// Folders of programs and systems, which no person wrote.
const FOREIGN_FOLDER: &str = "__MACOSX";
/// Notion writes a table as it is shown, and once more with all rows.
const ALL_ROWS: &str = "_all";

/// An export.
pub(crate) struct Export {
    /// Reads the PDF files in it; none where none can be read.
    pdf: RefCell<Option<PdfHelper>>,
}

impl Export {
    pub(crate) const fn new(pdf: Option<PdfHelper>) -> Self {
        Self {
            pdf: RefCell::new(pdf),
        }
    }
}

impl Extractor for Export {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        archive::check(input)?;
        let mut entries = open(BufReader::new(input.try_clone()?))?;
        let mut pages = Pages::of(&entries)?;
        let mut means = Means {
            bytes: archive::MAX_INFLATED,
            pdf: self.pdf.take(),
        };
        if pages.list.is_empty() && !pages.archives.is_empty() {
            return read_archives(&mut entries, &pages.archives, &mut means, output);
        }
        pages.others.append(&mut pages.archives);
        read_pages(&mut entries, pages, &mut means, output)
    }
}

/// What the documents inside are read with.
struct Means {
    /// The bytes that they together may still have when they are unpacked. Each is an archive of
    /// its own, so that a bound of each would be multiplied by their number.
    bytes: u64,
    pdf: Option<PdfHelper>,
}

impl Means {
    /// Takes what a document needs; fails if that is more than there is.
    fn spend(&mut self, document: &mut Cursor<Vec<u8>>) -> Result<(), ExtractError> {
        let contents = archive::check_within(document, self.bytes)?;
        self.bytes -= contents.inflated;
        Ok(())
    }

    fn read_pdf(&mut self, pdf: &[u8], output: &mut Output<'_>) -> Result<(), ExtractError> {
        let mut helper = self.pdf.take().ok_or(ReadFailure::Unsupported)?;
        match Pdf::read_within(&mut helper, pdf, output) {
            // What it would say next may belong to this file.
            Err(ExtractError::Io(_)) => Err(ReadFailure::ReaderFailed.into()),
            read => {
                self.pdf = Some(helper);
                read
            }
        }
    }
}

fn open<R: Read + Seek>(input: R) -> Result<ZipArchive<R>, ExtractError> {
    ZipArchive::new(input).map_err(|error| archive::failure(&error).into())
}

/// Reads the pages of the archives in an archive that has nothing else.
fn read_archives<R: Read + Seek>(
    entries: &mut ZipArchive<R>,
    inner: &[String],
    means: &mut Means,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    for name in inner {
        let Some(bytes) = content(entries, name, MAX_INNER)? else {
            skipped(name, output);
            continue;
        };
        let mut bytes = Cursor::new(bytes);
        archive::check(&mut bytes)?;
        let mut entries = open(bytes)?;
        let mut pages = Pages::of(&entries)?;
        // Archives are opened one within another, and no deeper.
        pages.others.append(&mut pages.archives);
        read_pages(&mut entries, pages, means, output)?;
    }
    Ok(())
}

fn read_pages<R: Read + Seek>(
    entries: &mut ZipArchive<R>,
    mut pages: Pages,
    means: &mut Means,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    if let Some(root) = pages.take_root() {
        output.title(&root);
    }
    for other in &pages.others {
        skipped(other, output);
    }
    // The headings above the last page that had blocks.
    let mut above: Vec<String> = Vec::new();
    for entry in pages.list {
        let limit = if entry.is_pdf { MAX_PDF } else { MAX_PAGE };
        let Some(bytes) = content(entries, &entry.path, limit)? else {
            skipped(&entry.path, output);
            continue;
        };
        let path = entry.folders.iter().chain([&entry.name]);
        let path: Vec<String> = path.cloned().collect();
        let same = above.iter().zip(&path).take_while(|(a, b)| a == b).count();
        let missing = entry.folders.iter().enumerate().skip(same);
        output.begin_page(Page {
            file: entry.path.clone(),
            title: entry.name.clone(),
            level: level(entry.folders.len()),
            above: missing
                .map(|(depth, name)| (level(depth), name.clone()))
                .collect(),
        });
        let read = read_page(&entry, bytes, means, output);
        let has_blocks = output.end_page();
        match read {
            // A page that cannot be read does not keep the others from being read.
            Err(ExtractError::File(ReadFailure::TooMuchText)) => read?,
            Err(ExtractError::File(_)) => skipped(&entry.path, output),
            other => other?,
        }
        if has_blocks {
            above = path;
        }
    }
    Ok(())
}

fn read_page(
    entry: &Entry,
    bytes: Vec<u8>,
    means: &mut Means,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    let mut input = Cursor::new(bytes);
    if input.get_ref().is_empty() {
        // A page with a title and nothing else yet.
        return Ok(());
    }
    // The content decides before the name, as it does for a file that is uploaded by itself.
    let (kind, is_misnamed) = kind::of_file(&mut input, &entry.extension)?;
    if is_misnamed {
        output.warn(WarningCode::WrongExtension, None);
    }
    if kind.is_zip() {
        means.spend(&mut input)?;
    }
    match kind {
        Kind::Markdown => Markdown::read_note(&mut input, output),
        Kind::Html => Html::read_page(&mut input, output),
        Kind::Csv => Csv::read_text(&mut input, output),
        Kind::Text => Plain::read_text(&mut input, output),
        Kind::Srt | Kind::Vtt => Subtitles::read_text(&mut input, output),
        Kind::Docx | Kind::Pptx => Office { kind }.read_document(&mut input, output),
        Kind::Xlsx => Xlsx::read_workbook(&mut input, output),
        Kind::Odt => Odt::read_document(&mut input, output),
        Kind::Epub => Epub::read_book(input, output),
        Kind::Pdf => means.read_pdf(input.get_ref(), output),
        // An archive would be one too deep.
        Kind::Export => Err(ReadFailure::Unsupported.into()),
    }
}

fn level(depth: usize) -> u8 {
    u8::try_from(depth + 1).unwrap_or(u8::MAX)
}

fn skipped(path: &str, output: &mut Output<'_>) {
    let position = Position::Anchor(path.to_owned());
    output.warn(WarningCode::PartSkipped, Some(position));
}

/// The bytes of a part; none if it is too large.
fn content<R: Read + Seek>(
    entries: &mut ZipArchive<R>,
    name: &str,
    limit: u64,
) -> Result<Option<Vec<u8>>, ExtractError> {
    let part = entries.by_name(name);
    let part = part.map_err(|error| archive::failure(&error))?;
    let mut bytes = Vec::new();
    let read = part.take(limit + 1).read_to_end(&mut bytes);
    let length = read.map_err(|_| ReadFailure::Damaged)?;
    Ok((length as u64 <= limit).then_some(bytes))
}

/// What an archive has.
#[derive(Default)]
struct Pages {
    /// In the order of their paths; what is below a page comes after it.
    list: Vec<Entry>,
    /// Notion puts large exports into several of them.
    archives: Vec<String>,
    /// Archives one level deeper, which are not read.
    others: Vec<String>,
}

struct Entry {
    path: String,
    is_pdf: bool,
    extension: String,
    folders: Vec<String>,
    name: String,
}

impl Pages {
    fn of<R: Read + Seek>(entries: &ZipArchive<R>) -> Result<Self, ExtractError> {
        let names: Result<Vec<String>, _> = entries
            .file_names()
            .map(|name| name.map(|name| name.to_string()))
            .collect();
        let mut names = names.map_err(|error| archive::failure(&error))?;
        names.retain(|name| !name.ends_with('/') && !is_foreign(name));
        let all: std::collections::HashSet<String> = names.iter().cloned().collect();
        let mut pages = Self::default();
        for path in names {
            let (stem, extension) = path.rsplit_once('.').unwrap_or((&path, ""));
            let kind = Kind::of_extension(extension);
            match kind {
                Some(Kind::Csv) if all.contains(&format!("{stem}{ALL_ROWS}.{extension}")) => {}
                Some(Kind::Export) => pages.archives.push(path),
                Some(kind) => pages.list.push(Entry::new(&path, extension, kind)),
                // Pictures, settings and the like.
                None => {}
            }
        }
        pages.list.sort_by_cached_key(Entry::order);
        pages.archives.sort();
        Ok(pages)
    }

    /// Removes a folder that everything is in, and gives its name, which is that of the export.
    fn take_root(&mut self) -> Option<String> {
        let root = self.list.first()?.folders.first()?.clone();
        let is_common = |entry: &Entry| entry.folders.first() == Some(&root);
        if !self.list.iter().all(is_common) {
            return None;
        }
        for entry in &mut self.list {
            entry.folders.remove(0);
        }
        Some(root)
    }
}

impl Entry {
    fn new(path: &str, extension: &str, kind: Kind) -> Self {
        let mut folders: Vec<String> = path.split('/').map(str::to_owned).collect();
        let file = folders.pop().unwrap_or_default();
        let stem = file
            .rsplit_once('.')
            .map_or(file.as_str(), |(stem, _)| stem);
        let stem = match kind {
            Kind::Csv => stem.strip_suffix(ALL_ROWS).unwrap_or(stem),
            _ => stem,
        };
        Self {
            path: path.to_owned(),
            is_pdf: kind == Kind::Pdf,
            extension: extension.to_owned(),
            name: shown(stem),
            folders: folders.iter().map(|folder| shown(folder)).collect(),
        }
    }

    /// A page stands before the folder of the same name.
    fn order(&self) -> Vec<String> {
        let path = self.folders.iter().chain([&self.name]);
        let mut order: Vec<String> = path.map(|part| part.to_lowercase()).collect();
        order.push(String::new());
        order.push(self.path.clone());
        order
    }
}

/// A name without the id that Notion appends.
fn shown(name: &str) -> String {
    let id = name.rsplit_once([' ', '-']).map(|(_, id)| id);
    let is_id = |id: &str| id.len() == NOTION_ID && id.bytes().all(|c| c.is_ascii_hexdigit());
    match id {
        Some(id) if is_id(id) => name[..name.len() - NOTION_ID - 1].trim_end().to_owned(),
        _ => name.to_owned(),
    }
}

/// Whether a file was made by a program for itself.
fn is_foreign(path: &str) -> bool {
    path.split('/')
        .any(|part| part.starts_with('.') || part == FOREIGN_FOLDER)
}
