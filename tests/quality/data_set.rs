//! The judged questions and documents, in the selection that is committed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where the data set is unpacked; `tests/run` sets it.
const FOLDER: &str = "QUALITY_DATA";

/// Which half of the questions: constants are chosen on one, figures are reported on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Half {
    Tune,
    Test,
}

/// What the data set says of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A source says it directly.
    TrustworthyDirect,
    /// Sources say it with reservations.
    TrustworthyHedged,
    /// Sources contradict each other.
    Dispute,
    /// A source is near, but does not have the figure that is asked for.
    Grounding,
    /// A source has a part of what is asked for.
    Relevance,
    /// No source answers it, though some look alike.
    Abstention,
}

impl Kind {
    /// Whether the sources answer the question.
    pub(crate) const fn is_answerable(self) -> bool {
        matches!(
            self,
            Self::TrustworthyDirect | Self::TrustworthyHedged | Self::Dispute
        )
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) half: Half,
    pub(crate) text: String,
    /// The documents that are relevant; none for a question that cannot be answered.
    pub(crate) relevant: BTreeSet<String>,
    /// Whether these have a text that was written for the question. Some were mixed up.
    pub(crate) is_judged_right: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Document {
    pub(crate) id: String,
    /// Not every document has one.
    #[serde(default = "untitled")]
    pub(crate) title: String,
    pub(crate) content: String,
}

pub(crate) struct DataSet {
    pub(crate) questions: Vec<Question>,
    /// Each text once: the platform refuses the same content twice.
    pub(crate) documents: Vec<Document>,
    /// The documents of the selection, in its order; equal ones have the id of the first.
    pub(crate) selected: Vec<String>,
}

#[derive(Deserialize)]
struct Selection {
    questions: Vec<Selected>,
    documents: Vec<String>,
}

#[derive(Deserialize)]
struct Selected {
    id: String,
    kind: Kind,
    half: Half,
}

#[derive(Deserialize)]
struct Mappings {
    mappings: HashMap<String, HashMap<String, Judged>>,
}

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

/// A question with the texts that were written for it.
#[derive(Deserialize)]
struct Case {
    id: String,
    query: String,
    contexts: Vec<String>,
}

impl Case {
    /// Whether a document has the beginning of one of the texts.
    fn is_in(&self, contents: &[&str]) -> bool {
        let beginning = |text: &str| plain(text).chars().take(60).collect::<String>();
        let texts = self.contexts.iter().map(|text| beginning(text));
        let contents: Vec<String> = contents.iter().map(|content| plain(content)).collect();
        texts
            .into_iter()
            .any(|text| contents.iter().any(|content| content.contains(&text)))
    }
}

#[derive(Deserialize)]
struct Judged {
    query: String,
    #[serde(default)]
    relevant_docs: Vec<String>,
}

impl DataSet {
    /// The committed selection.
    pub(crate) fn load() -> Self {
        let selection: Selection = serde_json::from_str(include_str!("selection.json")).unwrap();
        let folder = std::env::var_os(FOLDER).map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| panic!("{FOLDER} is not set: use tests/run quality"));
        let corpus = std::fs::read_to_string(folder.join("corpus/documents.jsonl")).unwrap();
        let documents = corpus.lines().map(|line| {
            let document: Document = serde_json::from_str(line).unwrap();
            (document.id.clone(), document)
        });
        let mut documents: BTreeMap<String, Document> = documents.collect();
        let mappings = std::fs::read_to_string(folder.join("queries/query_mappings.json")).unwrap();
        let mappings: Mappings = serde_json::from_str(&mappings).unwrap();
        let judged: HashMap<String, Judged> = mappings.mappings.into_values().flatten().collect();
        let cases = cases(&folder);
        let mut unique: Vec<Document> = Vec::new();
        let mut ids: HashMap<String, String> = HashMap::new();
        for id in &selection.documents {
            let document = documents.remove(id).unwrap();
            match unique
                .iter()
                .find(|known| known.content == document.content)
            {
                Some(known) => ids.insert(id.clone(), known.id.clone()),
                None => ids.insert(id.clone(), id.clone()),
            };
            if ids[id] == *id {
                unique.push(document);
            }
        }
        let question = |selected: Selected| {
            let judged = &judged[&selected.id];
            let contents: Vec<&str> = unique
                .iter()
                .filter(|document| judged.relevant_docs.iter().any(|id| ids[id] == document.id))
                .map(|document| document.content.as_str())
                .collect();
            let case = cases.get(&selected.id);
            let case = case.filter(|case| case.query == judged.query);
            Question {
                is_judged_right: case.is_none_or(|case| case.is_in(&contents)),
                text: judged.query.clone(),
                relevant: judged
                    .relevant_docs
                    .iter()
                    .map(|id| ids[id].clone())
                    .collect(),
                id: selected.id,
                kind: selected.kind,
                half: selected.half,
            }
        };
        let questions = selection.questions.into_iter().map(question).collect();
        Self {
            questions,
            documents: unique,
            selected: selection
                .documents
                .iter()
                .map(|id| ids[id].clone())
                .collect(),
        }
    }
}

/// The questions of the set with the texts that were written for them.
fn cases(folder: &Path) -> HashMap<String, Case> {
    let kinds = ["trustworthy_direct", "trustworthy_hedged", "dispute"];
    let files = ["tier0_sanity", "tier1_core"]
        .into_iter()
        .flat_map(|tier| kinds.map(|kind| folder.join(format!("{tier}/{kind}.json"))));
    files
        .flat_map(|file| {
            let found: Cases = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            found.cases
        })
        .map(|case| (case.id.clone(), case))
        .collect()
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn untitled() -> String {
    "Document".to_owned()
}
