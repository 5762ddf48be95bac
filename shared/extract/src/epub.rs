//! E-books: the chapters in reading order, each a page.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use rbook::Epub as Book;
use shared_document::{ReadFailure, WarningCode};

use crate::html::fragment_blocks;
use crate::{ExtractError, Extractor, Output, archive};

/// An e-book.
pub(crate) struct Epub;

impl Extractor for Epub {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        Self::read_book(BufReader::new(input.try_clone()?), output)
    }
}

impl Epub {
    /// Reads a book from its beginning.
    pub(crate) fn read_book(
        mut input: impl Read + Seek + Send + Sync + 'static,
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        if archive::check(&mut input)? {
            output.warn(WarningCode::PartSkipped, None);
        }
        input.seek(SeekFrom::Start(0))?;
        let book = Book::read(input).map_err(|_| ReadFailure::Damaged)?;
        if let Some(title) = book.metadata().title() {
            output.title(title.value());
        }
        for chapter in book.reader() {
            let Ok(chapter) = chapter else {
                output.warn(WarningCode::PartSkipped, None);
                continue;
            };
            let href = chapter.manifest_entry().href().as_str().to_owned();
            fragment_blocks(
                chapter.content(),
                Some(href.trim_start_matches('/')),
                output,
            )?;
        }
        Ok(())
    }
}
