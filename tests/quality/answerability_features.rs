//! Reads questions with the passages that were found for them, one JSON object a line, and prints
//! what `ai-engine` counts of each: the input of `fit_answerability.py`, which fits its weights.
#![expect(clippy::unwrap_used, reason = "a tool stops at faults")]
#![expect(clippy::print_stdout, reason = "this is its output")]

use ai_engine_service::answerability::{Evidence, Weights, features, names_are_known};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Asked {
    question: String,
    passages: Vec<Passage>,
}

#[derive(Deserialize)]
struct Passage {
    document: u64,
    title: String,
    heading: Option<String>,
    text: String,
    nearness: f32,
}

fn main() {
    for line in std::io::stdin().lines() {
        let Asked { question, passages } = serde_json::from_str(&line.unwrap()).unwrap();
        let evidence: Vec<Evidence<'_>> = passages
            .iter()
            .map(|passage| Evidence {
                document: u128::from(passage.document),
                title: &passage.title,
                heading: passage.heading.as_deref(),
                text: &passage.text,
                nearness: Some(passage.nearness),
            })
            .collect();
        let found = features(&question, &evidence);
        let counted = found.map(|found| {
            let Weights {
                asked,
                names,
                apart,
                numbers,
                another,
                present,
                amount,
                other,
                nearness,
            } = found.counts;
            json!([
                asked, names, apart, numbers, another, present, amount, other, nearness
            ])
        });
        let has_all = found.is_some_and(|found| found.has_all);
        let names = names_are_known(&question, &evidence);
        let line = json!({"names_known": names, "has_all": has_all, "features": counted});
        println!("{line}");
    }
}
