//! What one document says, sentence by sentence: that it has all words of a question says little
//! if they stand in sentences about different things.

use std::collections::HashSet;

use super::needs::{self, Kind, Need};
use super::{Evidence, amounts, lower, written_words};
use crate::domain::answer::function_words::is_function_word;
use crate::domain::answer::grounding::numbers::Numbers;
use crate::domain::answer::language::Language;
use crate::domain::answer::sentences;
use crate::domain::tokenizer::question_terms;

#[derive(Debug)]
pub(super) struct Document {
    sentences: Vec<Sentence>,
    said: HashSet<String>,
    initials: HashSet<String>,
    title: HashSet<String>,
    has_year: bool,
}

#[derive(Debug)]
pub(super) struct Sentence {
    /// Its words and their stems, and those of the heading above.
    terms: HashSet<String>,
    abbreviations: Vec<String>,
    words: Vec<Word>,
    numbers: Numbers,
}

#[derive(Debug)]
struct Word {
    /// In lower case.
    text: String,
    /// Whether it may be a part of a name: it has a capital or a digit, and a meaning.
    is_marked: bool,
}

impl Document {
    pub(super) fn read<'p>(
        passages: impl Iterator<Item = &'p Evidence<'p>>,
        title: &str,
        language: Language,
    ) -> Self {
        let mut document = Self {
            sentences: Vec::new(),
            said: HashSet::new(),
            initials: HashSet::new(),
            title: question_terms(title).into_iter().collect(),
            has_year: false,
        };
        for passage in passages {
            let heading = question_terms(passage.heading.unwrap_or_default());
            for text in [Some(passage.text), passage.heading].into_iter().flatten() {
                document.initials.extend(needs::initials(text));
                document.initials.extend(needs::abbreviations(text));
                document.has_year |= needs::has_year(text);
            }
            document.said.extend(heading.iter().cloned());
            for text in sentences::split(passage.text) {
                let sentence = Sentence::read(text, &heading, language);
                document.said.extend(sentence.terms.iter().cloned());
                document.sentences.push(sentence);
            }
        }
        document
    }

    /// What of the word is missing, from 0 to 1.
    pub(super) fn missing(&self, need: &Need) -> f32 {
        let is_abbreviated = || {
            let initials = need.initials.as_ref();
            initials.is_some_and(|initials| self.initials.contains(initials))
        };
        if need.is_in(&self.said) || is_abbreviated() {
            0.0
        } else if need.is_in(&self.title) {
            1.0 - need.title_share()
        } else {
            1.0
        }
    }

    pub(super) const fn has_year(&self) -> bool {
        self.has_year
    }

    /// The first of the sentences that have most of the words.
    pub(super) fn best_sentence(&self, needs: &[Need]) -> Option<&Sentence> {
        let best = self.sentences.iter().map(|s| s.count(needs)).max()?;
        self.sentences.iter().find(|s| s.count(needs) == best)
    }

    /// Whether a word of a name, or its number, never stands beside the word that it has beside it
    /// in the question, but stands beside another name or number.
    pub(super) fn has_another(&self, need: &Need) -> bool {
        let Some(before) = need.before.as_deref() else {
            return false;
        };
        let is_need = |word: &Word| need.terms.first() == Some(&word.text);
        let pairs = || self.sentences.iter().flat_map(|s| s.words.windows(2));
        let mut is_other = false;
        for pair in pairs() {
            match (pair[0].text == before, is_need(&pair[1])) {
                (true, true) => return false,
                (true, false) => is_other |= pair[1].is_marked,
                (false, true) => is_other |= pair[0].is_marked,
                (false, false) => {}
            }
        }
        is_other
    }

    /// Whether there is no amount but those of the question.
    pub(super) fn lacks_amount(&self, asked: &Numbers) -> bool {
        let is_known = |sentence: &Sentence| {
            let mut numbers = sentence.numbers.all.iter();
            numbers.all(|number| asked.contain(number))
                && !sentence
                    .words
                    .iter()
                    .any(|word| amounts::is_amount(&word.text))
        };
        self.sentences.iter().all(is_known)
    }
}

impl Sentence {
    fn read(text: &str, heading: &[String], language: Language) -> Self {
        let mut terms: HashSet<String> = question_terms(text).into_iter().collect();
        terms.extend(heading.iter().cloned());
        let words = written_words(text).into_iter().map(|written| {
            let text = lower(written);
            let starts = written.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
            let is_marked = starts && !is_function_word(&text, language);
            Word { text, is_marked }
        });
        Self {
            abbreviations: needs::abbreviations(text),
            words: words.collect(),
            numbers: Numbers::of(&text.to_lowercase(), language),
            terms,
        }
    }

    /// Whether the sentence has the word, or the abbreviation of its name.
    pub(super) fn has(&self, need: &Need) -> bool {
        let initials = need.initials.as_ref();
        need.is_in(&self.terms) || initials.is_some_and(|i| self.abbreviations.contains(i))
    }

    fn count(&self, needs: &[Need]) -> usize {
        let counted = needs.iter().filter(|need| need.kind != Kind::Present);
        counted.filter(|need| self.has(need)).count()
    }
}
