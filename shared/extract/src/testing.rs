//! Helpers that read files in tests.

use std::fs::File;
use std::io::Write as _;

use shared_document::{Block, ReadFailure, Record, Summary};

use crate::ExtractError;

fn read(bytes: &[u8], extension: &str) -> (Vec<u8>, Result<Summary, ExtractError>) {
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let mut lines = Vec::new();
    let summary = crate::extract(&mut file, extension, None, &mut lines);
    (lines, summary)
}

/// The blocks of a file that can be read.
pub(crate) fn blocks(bytes: &[u8], extension: &str) -> Vec<Block> {
    let (lines, summary) = read(bytes, extension);
    let summary = summary.unwrap();
    let block = |line: &[u8]| match Record::parse(line).unwrap() {
        Record::Block(block) => block,
        other => panic!("{other:?}"),
    };
    let lines = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let blocks: Vec<Block> = lines.map(block).collect();
    assert_eq!(blocks.len() as u64, summary.blocks);
    blocks
}

/// The summary of a file that can be read.
pub(crate) fn summary(bytes: &[u8], extension: &str) -> Summary {
    read(bytes, extension).1.unwrap()
}

/// Why a file cannot be read.
pub(crate) fn failure(bytes: &[u8], extension: &str) -> ReadFailure {
    match read(bytes, extension).1 {
        Err(ExtractError::File(failure)) => failure,
        other => panic!("{other:?}"),
    }
}
