#![doc = include_str!("../README.md")]

mod archive;
mod charset;
pub mod child;
mod delimited;
mod epub;
mod export;
mod html;
pub mod kind;
pub mod limits;
mod markdown;
mod odt;
mod office;
mod output;
mod pdf;
mod plain;
mod sheets;
mod subtitles;
#[cfg(test)]
mod testing;
mod text;

use std::fs::File;
use std::io::{self, Write};

use shared_document::{ReadFailure, Summary, WarningCode};

pub use delimited::{CsvRow, read_csv};
pub use output::Output;
pub use pdf::{PdfHelper, PdfReader};

use kind::Kind;

/// Why nothing, or not everything, was read.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The file cannot be read.
    #[error("the file cannot be read: {}", .0.as_str())]
    File(ReadFailure),
    /// Input or output failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<ReadFailure> for ExtractError {
    fn from(failure: ReadFailure) -> Self {
        Self::File(failure)
    }
}

/// Reads files of one kind.
pub trait Extractor {
    /// Reads a file from its beginning and gives its blocks to `output`.
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError>;
}

/// Reads a file whose name ends in `extension`, writes its blocks to `sink`, and returns the
/// summary. The text of a PDF comes from another program, `pdf`; without it, those within an
/// archive are left out.
pub fn extract(
    input: &mut File,
    extension: &str,
    pdf: Option<PdfReader>,
    sink: &mut dyn Write,
) -> Result<Summary, ExtractError> {
    let (kind, is_misnamed) = kind::of_file(input, extension)?;
    let mut output = Output::new(sink);
    if is_misnamed {
        output.warn(WarningCode::WrongExtension, None);
    }
    let (program, helper) = match pdf {
        Some(PdfReader::Program(program)) => (Some(program), None),
        Some(PdfReader::Helper(helper)) => (None, Some(helper)),
        None => (None, None),
    };
    let extractor: Box<dyn Extractor> = match kind {
        Kind::Text => Box::new(plain::Plain),
        Kind::Markdown => Box::new(markdown::Markdown),
        Kind::Html => Box::new(html::Html),
        Kind::Csv => Box::new(delimited::Csv),
        Kind::Srt | Kind::Vtt => Box::new(subtitles::Subtitles),
        Kind::Docx | Kind::Pptx => Box::new(office::Office { kind }),
        Kind::Xlsx => Box::new(sheets::Xlsx),
        Kind::Odt => Box::new(odt::Odt),
        Kind::Epub => Box::new(epub::Epub),
        Kind::Export => Box::new(export::Export::new(helper)),
        Kind::Pdf => Box::new(pdf::Pdf::new(program.ok_or(ReadFailure::ReaderFailed)?)),
    };
    extractor.read(input, &mut output)?;
    output.finish()
}
