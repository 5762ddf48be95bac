//! Makes small archives and reads them.

use std::fs::{self, File};
use std::io::{Cursor, Write as _};
use std::path::Path;

use shared_document::{Block, ReadFailure, Record, Summary};
use shared_extract::{ExtractError, extract};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// An archive of these parts, the first of which is stored as it is.
pub(crate) fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

pub(crate) fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// A sample file of a common program.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/formats/files");
    fs::read(root.join(name)).unwrap()
}

/// The blocks of a file, and what is said about it.
pub(crate) fn read(bytes: &[u8], extension: &str) -> (Vec<Block>, Summary) {
    let mut lines = Vec::new();
    let summary = extract(&mut file(bytes), extension, None, &mut lines).unwrap();
    let lines = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let block = |line| match Record::parse(line).unwrap() {
        Record::Block(block) => block,
        other => panic!("{other:?}"),
    };
    (lines.map(block).collect(), summary)
}

/// Why a file cannot be read.
pub(crate) fn failure(bytes: &[u8], extension: &str) -> ReadFailure {
    match extract(&mut file(bytes), extension, None, &mut Vec::new()) {
        Err(ExtractError::File(failure)) => failure,
        other => panic!("{other:?}"),
    }
}
