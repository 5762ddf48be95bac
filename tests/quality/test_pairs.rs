//! Question-and-answer pairs: which questions in other words they answer, and which similar ones
//! they leave to an ordinary answer.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use shared_testkit::assert_golden;

use crate::data_set::Half;
use crate::library::Library;

/// Pairs of one account, and what is asked of them.
#[derive(Deserialize)]
struct PairLibrary {
    name: String,
    /// The questions of the pairs.
    pairs: Vec<String>,
    /// Questions in other words, each with the place of the pair that is meant.
    meant: Vec<(String, usize)>,
    /// Questions that no pair answers, however similar they are.
    not_meant: Vec<String>,
}

/// What was counted of one half.
#[derive(Default)]
struct Counts {
    meant: usize,
    answered: usize,
    by_another: usize,
    not_meant: usize,
    answered_wrongly: usize,
    notes: String,
}

#[tokio::test]
#[ignore = "needs the stores: tests/run quality"]
async fn pairs_with_all_minilm() {
    let model = "all-minilm";
    let all = include_str!("question_pairs.json");
    let all: Vec<PairLibrary> = serde_json::from_str(all).unwrap();
    let mut counts = [Counts::default(), Counts::default()];
    for library in &all {
        count(library, model, &mut counts).await;
    }
    let mut text = String::new();
    for (half, counts) in [Half::Tune, Half::Test].into_iter().zip(counts) {
        let Counts {
            meant,
            answered,
            by_another,
            not_meant,
            answered_wrongly,
            notes,
        } = counts;
        let _ = writeln!(text, "{model}, {half:?}");
        let _ = writeln!(
            text,
            "in other words: {answered} of {meant} answered by their pair"
        );
        let _ = writeln!(
            text,
            "in other words: {by_another} of {meant} by another one"
        );
        let _ = writeln!(
            text,
            "similar: {answered_wrongly} of {not_meant} answered by a pair"
        );
        text.push_str(&notes);
    }
    print!("{text}");
    let file = format!("quality/figures/question-pairs-{model}.txt");
    assert_golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file), &text);
}

async fn count(pairs: &PairLibrary, model: &str, counts: &mut [Counts; 2]) {
    let library = Library::of(model, &[]).await;
    let answer = |place: usize| format!("The answer of pair {place}.");
    for (place, question) in pairs.pairs.iter().enumerate() {
        library.add_pair(question, &answer(place)).await;
    }
    library.wait_for_pairs().await;
    let name = &pairs.name;
    for (question, place) in &pairs.meant {
        let found = library.answer(question).await;
        let counts = &mut counts[half(question)];
        counts.meant += 1;
        let by = (0..pairs.pairs.len()).find(|place| found == answer(*place));
        match by {
            Some(by) if by == *place => counts.answered += 1,
            Some(by) => {
                counts.by_another += 1;
                let other = &pairs.pairs[by];
                let _ = writeln!(counts.notes, "    {name}, by “{other}”: {question}");
            }
            None => {
                let _ = writeln!(counts.notes, "    {name}, not answered: {question}");
            }
        }
    }
    for question in &pairs.not_meant {
        let found = library.answer(question).await;
        let counts = &mut counts[half(question)];
        counts.not_meant += 1;
        if let Some(by) = (0..pairs.pairs.len()).find(|place| found == answer(*place)) {
            counts.answered_wrongly += 1;
            let pair = &pairs.pairs[by];
            let _ = writeln!(counts.notes, "    {name}, wrongly by “{pair}”: {question}");
        }
    }
    library.ollama.record();
}

/// The half of a question, by a hash of its text: 0 to tune, 1 to test.
fn half(question: &str) -> usize {
    usize::from(Sha256::digest(question)[0] & 1)
}
