//! Search: above BM25, vectors and their plain fusion; and which questions it refuses.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use shared_testkit::assert_golden;

use crate::data_set::{DataSet, Document, Half, Question};
use crate::library::Library;
use crate::measures::{Measured, interval, mean, measure};
use crate::rankings;

/// Texts that are embedded again, to show that the committed vectors are those of the model.
const EMBEDDED_AGAIN: usize = 10;

/// A system and its measures for each judged question.
type System = (&'static str, Vec<Measured>);
/// Questions that are counted together.
type Group = (&'static str, fn(&Question) -> bool);

#[tokio::test]
#[ignore = "needs the data set and the stores: tests/run quality"]
async fn search_with_all_minilm() {
    compare("all-minilm").await;
}

#[tokio::test]
#[ignore = "needs the data set and the stores: tests/exhaustive quality"]
async fn search_with_multilingual_e5_small() {
    compare("multilingual-e5-small").await;
}

#[tokio::test]
#[ignore = "needs the stores: tests/exhaustive quality"]
async fn short_libraries_with_multilingual_e5_small() {
    short_libraries("multilingual-e5-small").await;
}

#[tokio::test]
#[ignore = "needs the stores: tests/run quality"]
async fn short_libraries_with_all_minilm() {
    short_libraries("all-minilm").await;
}

/// Libraries as small as those of most creators, in six languages.
#[derive(Deserialize)]
struct ShortLibrary {
    name: String,
    passages: Vec<ShortPassage>,
    answered: Vec<String>,
    refused: Vec<String>,
}

#[derive(Deserialize)]
struct ShortPassage {
    title: String,
    #[serde(default)]
    heading: Option<String>,
    text: String,
}

/// Each library alone, so that nothing is refused because much else is there.
async fn short_libraries(model: &str) {
    let all = include_str!("short_libraries.json");
    let all: Vec<ShortLibrary> = serde_json::from_str(all).unwrap();
    let mut text = String::new();
    for ShortLibrary {
        name,
        passages,
        answered,
        refused,
    } in all
    {
        let documents = passages.into_iter().enumerate().map(|(place, passage)| {
            let heading = passage.heading.map(|heading| format!("# {heading}\n\n"));
            Document {
                id: format!("short-{place}"),
                title: passage.title,
                content: heading.unwrap_or_default() + &passage.text,
            }
        });
        let documents: Vec<Document> = documents.collect();
        let library = Library::of(model, &documents).await;
        for (wanted, questions) in [("answered", answered), ("refused", refused)] {
            let mut wrong = Vec::new();
            for question in &questions {
                if library.answers(question).await != (wanted == "answered") {
                    wrong.push(question.as_str());
                }
            }
            let right = questions.len() - wrong.len();
            let count = questions.len();
            let _ = writeln!(text, "{name}: {right} of {count} {wanted}");
            for question in wrong {
                let _ = writeln!(text, "    not {wanted}: {question}");
            }
        }
        library.ollama.record();
    }
    print!("{text}");
    let file = format!("quality/figures/short-libraries-{model}.txt");
    assert_golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file), &text);
}

async fn compare(model: &str) {
    let data = DataSet::load();
    let library = Library::of(model, &data.documents).await;
    let mut text = String::new();
    for half in [Half::Tune, Half::Test] {
        let questions: Vec<&Question> = data.questions.iter().filter(|q| q.half == half).collect();
        let _ = writeln!(text, "{model}, {half:?}");
        text.push_str(&retrieval(&data, &questions, &library).await);
        text.push_str(&refusal(&questions, &library).await);
    }
    check_vectors(&library).await;
    println!(
        "measured: {} vectors were not committed",
        library.ollama.unknown()
    );
    library.ollama.record();
    print!("{text}");
    let file = format!("quality/figures/search-{model}.txt");
    assert_golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file), &text);
}

async fn retrieval(data: &DataSet, questions: &[&Question], library: &Library) -> String {
    let questions: Vec<&&Question> = questions
        .iter()
        .filter(|q| !q.relevant.is_empty())
        .collect();
    let (asks, tells) = prefixes(library.ollama.model());
    let texts: Vec<String> = questions
        .iter()
        .map(|q| format!("{asks}{}", q.text))
        .collect();
    let asked = library.ollama.embed(&texts).await;
    let whole = |d: &Document| format!("{tells}{}\n\n{}", d.title, first(&d.content));
    let whole: Vec<String> = data.documents.iter().map(whole).collect();
    let vectors = library.ollama.embed(&whole).await;
    let bm25s = rankings::by_bm25s(&data.selected);
    let mut systems: [System; 4] =
        ["BM25 (bm25s)", "vectors", "plain fusion", "search"].map(|name| (name, Vec::new()));
    let mut worst = Vec::new();
    for (question, vector) in questions.iter().zip(&asked) {
        let by_words = &bm25s[&question.id];
        let by_vector = rankings::by_vector(vector, &vectors, &data.documents);
        let fused = rankings::fused([by_words, &by_vector]);
        let found = library.search(&question.text).await;
        let rankings = [by_words, &by_vector, &fused, &found];
        for (system, ranking) in systems.iter_mut().zip(rankings) {
            system.1.push(measure(ranking, &question.relevant));
        }
        let worth = measure(&found, &question.relevant).ndcg;
        worst.push((worth, question.id.as_str(), question.text.as_str()));
    }
    let mut text = String::new();
    let ours = ndcg(&systems[3].1);
    for (name, measured) in &systems {
        let of = |value: fn(&Measured) -> f64| mean(measured.iter().map(value));
        let (low, high) = interval(&difference(&ours, &ndcg(measured)));
        let _ = writeln!(
            text,
            "  {name:<13} nDCG@10 {:.3}  recall@10 {:.3}  MRR {:.3}  \
             search is better by {:+.3} ({low:+.3} to {high:+.3})",
            of(|m| m.ndcg),
            of(|m| m.recall),
            of(|m| m.reciprocal_rank),
            mean(difference(&ours, &ndcg(measured))),
        );
    }
    worst.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    for (worth, id, question) in worst.iter().take(8) {
        let _ = writeln!(text, "    {worth:.2} {id}: {question}");
    }
    text
}

async fn refusal(questions: &[&Question], library: &Library) -> String {
    let mut text = String::new();
    let groups: [Group; 3] = [
        ("answerable", |q| q.kind.is_answerable()),
        ("answerable, without those judged by mistake", |q| {
            q.kind.is_answerable() && q.is_judged_right
        }),
        ("unanswerable", |q| q.relevant.is_empty()),
    ];
    for (name, is_asked) in groups {
        let asked: Vec<&&Question> = questions.iter().filter(|q| is_asked(q)).collect();
        let (mut refused, mut relevant) = (0, 0);
        for question in &asked {
            let cited = library.cited(&question.text).await;
            refused += usize::from(cited.is_none());
            let is_relevant = |id: &&str| question.relevant.contains(*id);
            relevant += usize::from(cited.iter().flatten().any(is_relevant));
        }
        let count = asked.len();
        let _ = writeln!(text, "  {name}: {refused} of {count} not answered");
        if asked.iter().any(|question| !question.relevant.is_empty()) {
            let _ = writeln!(text, "    {relevant} answered from a relevant document");
        }
    }
    text
}

/// The prefixes of a model for questions and for documents.
fn prefixes(model: &str) -> (&'static str, &'static str) {
    if model.starts_with("multilingual-e5") {
        ("query: ", "passage: ")
    } else {
        ("", "")
    }
}

/// The beginning of a text that the context window of every model takes.
fn first(text: &str) -> &str {
    &text[..text.floor_char_boundary(700)]
}

fn ndcg(measured: &[Measured]) -> Vec<f64> {
    measured.iter().map(|m| m.ndcg).collect()
}

fn difference(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(a, b)| a - b).collect()
}

/// The committed vectors are those that the real Ollama makes.
async fn check_vectors(library: &Library) {
    let used = library.ollama.used();
    let step = used.len().div_ceil(EMBEDDED_AGAIN).max(1);
    let again: Vec<String> = used.into_iter().step_by(step).collect();
    let committed = library.ollama.embed(&again).await;
    let anew = library.ollama.embed_anew(&serde_json::json!(again)).await;
    for ((text, a), b) in again.iter().zip(committed).zip(anew) {
        let cosine: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.999, "{cosine}: {text}");
    }
}
