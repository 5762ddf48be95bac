//! Lets a generated answer through one sentence at a time, if its sources support the sentence.

use std::collections::BTreeSet;

use super::citations;
use super::grounding::{self, Decision, Evidence, Fault};
use super::sentences;
use super::thoughts::ThoughtFilter;

/// Text without the end of a sentence is withheld up to this length, in bytes.
const MAX_SENTENCE: usize = 2000;
/// Citations behind one sentence.
const MAX_CITATIONS: usize = 2;

/// The answer so far.
#[derive(Debug)]
pub(crate) struct CheckedText {
    evidence: Evidence,
    sources: usize,
    thoughts: ThoughtFilter,
    withheld: String,
    cited: BTreeSet<u32>,
    faults: Vec<Fault>,
}

impl CheckedText {
    /// An empty answer, to be checked against the evidence of so many sources.
    pub(crate) fn new(evidence: Evidence, sources: usize) -> Self {
        Self {
            evidence,
            sources,
            thoughts: ThoughtFilter::default(),
            withheld: String::new(),
            cited: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// Adds a piece and returns the sentences that are complete and supported.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        let said = self.thoughts.push(piece);
        self.withheld.push_str(&said);
        let complete = if self.withheld.len() > MAX_SENTENCE {
            self.withheld.len()
        } else {
            let sentences = sentences::split(&self.withheld);
            let last = sentences.last().map_or(0, |last| last.len());
            self.withheld.len() - last
        };
        let text: String = self.withheld.drain(..complete).collect();
        self.checked(&text, false)
    }

    /// Returns what is supported of the rest. If the answer was cut, its last sentence has no end.
    pub(crate) fn finish(&mut self, is_cut: bool) -> String {
        let rest = self.thoughts.finish();
        self.withheld.push_str(&rest);
        let text = std::mem::take(&mut self.withheld);
        self.checked(&text, is_cut)
    }

    /// The numbers of the sources that support what was let through.
    pub(crate) fn citations(&self) -> Vec<u32> {
        self.cited.iter().copied().collect()
    }

    /// What was stopped since the last call.
    pub(crate) fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    fn checked(&mut self, text: &str, last_is_cut: bool) -> String {
        let sentences = sentences::split(text);
        let count = sentences.len();
        let mut shown = String::new();
        for (place, sentence) in sentences.into_iter().enumerate() {
            let is_cut = last_is_cut && place + 1 == count;
            shown.push_str(&self.sentence(sentence, is_cut));
        }
        shown
    }

    fn sentence(&mut self, sentence: &str, is_cut: bool) -> String {
        let stripped = citations::strip(sentence, self.sources);
        let said = stripped.text.trim();
        if said.is_empty() {
            return String::new();
        }
        match grounding::check(said, &self.evidence) {
            Decision::Supported(mut passages) => {
                passages.truncate(MAX_CITATIONS);
                self.cited.extend(&passages);
                let space = &sentence[sentence.trim_end().len()..];
                let end = if is_cut && !said.ends_with(['.', '!', '?', '。']) {
                    " …"
                } else {
                    ""
                };
                let text = format!("{}{end}{space}", citations::escape(said));
                citations::add(&text, &passages)
            }
            Decision::Unsupported(fault) => {
                self.faults.push(fault);
                String::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::grounding::Passage;

    fn said(pieces: &[&str], is_cut: bool) -> (String, Vec<u32>) {
        let passage = |number, text| Passage {
            number,
            title: "Guide",
            heading: None,
            text,
        };
        let passages = [
            passage(
                1,
                "Rest early and walk at night. The first step is to breathe in slowly.",
            ),
            passage(2, "Take item[0] of the list. A session costs 120 euros."),
        ];
        let mut text = CheckedText::new(Evidence::new("What helps?", passages), 2);
        let mut shown: String = pieces.iter().map(|piece| text.push(piece)).collect();
        shown += &text.finish(is_cut);
        (shown, text.citations())
    }

    #[test]
    fn supported_sentences_are_let_through_with_the_right_citations() {
        for (pieces, shown, cited) in [
            (
                &["Rest early [2, 1] and walk ", "[1,9]."][..],
                "Rest early and walk [1].",
                vec![1],
            ),
            (
                &["Take item[0] of the list, ", "see [1]."],
                "Take item[0] of the list, see [2].",
                vec![2],
            ),
            (
                &["Rest early 【1】. ", "[Source 2]"],
                "Rest early [1]. ",
                vec![1],
            ),
            (
                &["Rest early. A session costs", " 130 euros. Walk at night."],
                "Rest early [1]. Walk at night [1].",
                vec![1],
            ),
            (
                &["<think>A secret.</think>Rest ear", "ly [1]."],
                "Rest early [1].",
                vec![1],
            ),
            (&["The moon is made of cheese [1]."], "", vec![]),
            (&["<think>Rest early."], "", vec![]),
        ] {
            assert_eq!(said(pieces, false), (shown.to_owned(), cited), "{pieces:?}");
        }
    }

    #[test]
    fn nothing_is_let_through_before_its_sentence_is_complete() {
        let passage = Passage {
            number: 1,
            title: "",
            heading: None,
            text: "A session costs 120 euros.",
        };
        let mut text = CheckedText::new(Evidence::new("", [passage]), 1);
        assert_eq!(text.push("A session costs 120"), "");
        assert_eq!(text.push("0 euros. A"), "");
        assert_eq!(text.take_faults(), [Fault::Number]);
        assert_eq!(text.push(" session costs 120 euros.\n"), "");
        assert_eq!(text.finish(false), "A session costs 120 euros [1].\n");
    }

    #[test]
    fn the_last_sentence_of_a_cut_answer_is_marked() {
        let (shown, _) = said(&["Rest early. The first step is to breathe"], true);
        assert_eq!(shown, "Rest early [1]. The first step is to breathe … [1]");
    }
}
