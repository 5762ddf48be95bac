//! Reads sample files of common programs, and random changes of them, which must never crash it.

use std::io::{Cursor, Read as _};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use shared_document::{MAX_LINE, Record};
use shared_extract::{ExtractError, extract};
use zip::ZipArchive;

use crate::zipped::{archive, file, read, sample};

/// The samples that this crate reads by itself; the text of a PDF comes from another program.
const SAMPLES: [&str; 12] = [
    "crafts.md",
    "garden.txt",
    "route.html",
    "taxi.csv",
    "lecture.srt",
    "interview.vtt",
    "booking.docx",
    "bread.pptx",
    "rental.xlsx",
    "choir.odt",
    "bees.epub",
    "allotment.zip",
];
/// What a random change puts into a file: the syntax of the formats, numbers beyond their range.
const PIECES: [&str; 22] = [
    "<",
    "</",
    "/>",
    "]]>",
    "<!--",
    "&#x110000;",
    "&e;",
    "\"",
    "\0",
    "\r",
    "\n\n",
    "-1",
    "4294967296",
    "99999999999999999999",
    "XFD1048577",
    "99:99:99,999 --> 00:00:00,000",
    "| --- |",
    "[a]: <",
    "\u{202e}",
    "\u{1f9d1}\u{200d}\u{1f33e}",
    "../../",
    "<table><tr><td colspan=\"99999999\">",
];

fn extension(name: &str) -> &str {
    name.rsplit('.').next().unwrap()
}

#[test]
fn files_of_common_programs_are_read_with_what_they_say() {
    let questions = include_bytes!("../../../../tests/formats/questions.json");
    let questions: Vec<serde_json::Value> = serde_json::from_slice(questions).unwrap();
    for name in SAMPLES {
        let question = questions.iter().find(|question| question["file"] == name);
        let answer = question.unwrap()["answer"].as_str().unwrap();
        let (blocks, summary) = read(&sample(name), extension(name));
        assert!(summary.warnings.is_empty(), "{name}: {summary:?}");
        assert!(format!("{blocks:?}").contains(answer), "{name}: {blocks:?}");
    }
}

/// One change of some bytes: where, as a share of their length, how many are removed, and what
/// stands there afterwards.
#[derive(Debug, Clone)]
struct Change {
    place: f64,
    removed: usize,
    inserted: Vec<u8>,
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "any place will do"
        )]
        let start = ((bytes.len() as f64) * self.place) as usize;
        let start = start.min(bytes.len());
        let end = bytes.len().min(start + self.removed);
        bytes.splice(start..end, self.inserted.iter().copied());
    }
}

fn change() -> impl Strategy<Value = Change> {
    let piece = prop_oneof![
        2 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.repeat(300).into_bytes()),
        2 => vec(any::<u8>(), 0..4),
    ];
    (0.0..=1.0, prop_oneof![0_usize..4, 0_usize..400], piece).prop_map(
        |(place, removed, inserted)| Change {
            place,
            removed,
            inserted,
        },
    )
}

/// The parts of an archive.
fn parts(bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut part = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            part.read_to_end(&mut content).unwrap();
            (part.name().unwrap().into_owned(), content)
        })
        .collect()
}

/// Reads what may be no file of its kind any more. Every line that was written is a block, however
/// reading ended, and no line is too long for its reader.
fn read_anything(bytes: &[u8], extension: &str) -> Result<(), TestCaseError> {
    let mut lines = Vec::new();
    let result = extract(&mut file(bytes), extension, None, &mut lines);
    let mut blocks = 0;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        prop_assert!(line.len() <= MAX_LINE, "a line of {} bytes", line.len());
        let record = Record::parse(line.trim_ascii_end());
        prop_assert!(matches!(record, Ok(Record::Block(_))), "{record:?}");
        blocks += 1;
    }
    match result {
        Ok(summary) => prop_assert_eq!(summary.blocks, blocks),
        Err(ExtractError::File(_)) => {}
        Err(ExtractError::Io(error)) => return Err(TestCaseError::fail(error.to_string())),
    }
    Ok(())
}

/// The same cases in each run, so that a failure belongs to a change. `PROPTEST_CASES` makes more.
fn cases() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(29),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn bytes_that_changed_at_random_are_read_or_refused(
        name in prop::sample::select(&SAMPLES[..]),
        changes in vec(change(), 1..6),
    ) {
        let mut bytes = sample(name);
        for change in &changes {
            change.apply(&mut bytes);
        }
        read_anything(&bytes, extension(name))?;
    }

    // Of an archive, a changed byte is mostly found by its checksum; so its parts are changed.
    #[test]
    fn parts_of_an_archive_that_changed_at_random_are_read_or_refused(
        name in prop::sample::select(&SAMPLES[6..]),
        changes in vec((any::<prop::sample::Index>(), change()), 1..6),
    ) {
        let mut parts = parts(sample(name));
        for (index, change) in &changes {
            let part = index.index(parts.len());
            change.apply(&mut parts[part].1);
        }
        let parts: Vec<(&str, &[u8])> = parts
            .iter()
            .map(|(name, content)| (name.as_str(), content.as_slice()))
            .collect();
        read_anything(&archive(&parts), extension(name))?;
    }

    #[test]
    fn random_bytes_under_any_name_are_read_or_refused(
        bytes in vec(any::<u8>(), 0..4000),
        name in prop::sample::select(&SAMPLES[..]),
    ) {
        read_anything(&bytes, extension(name))?;
    }
}
