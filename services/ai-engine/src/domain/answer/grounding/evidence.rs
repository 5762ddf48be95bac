//! What the passages of an answer say, prepared once, so that each sentence is checked quickly.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::numbers::Numbers;
use super::opposites::is_negation;
use crate::domain::answer::function_words::is_function_word;
use crate::domain::answer::injection::without_orders;
use crate::domain::answer::language::Language;
use crate::domain::answer::sentences;
use crate::domain::tokenizer::{question_terms, words};

/// A passage that an answer may be based on.
#[derive(Debug, Clone, Copy)]
pub struct Passage<'a> {
    /// The number by which answers cite it.
    pub number: u32,
    /// The title of its document.
    pub title: &'a str,
    /// The headings above it.
    pub heading: Option<&'a str>,
    /// Its text.
    pub text: &'a str,
}

/// A word of a sentence.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// In lower case.
    pub(super) text: String,
    /// The word, its stems, and in scripts without spaces its pairs of characters.
    terms: Vec<String>,
    /// Whether it has a meaning of its own.
    pub(super) is_content: bool,
    pub(super) is_negation: bool,
}

impl Word {
    /// Whether it is the name, with or without its accents.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.text == name
            || self
                .terms
                .iter()
                .any(|term| term.strip_prefix('~') == Some(name))
    }

    pub(super) fn stems(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(String::as_str)
    }
}

/// A sentence of a passage.
#[derive(Debug)]
pub(super) struct SourceSentence {
    /// The place of its passage.
    pub(super) passage: usize,
    pub(super) words: Vec<Word>,
    pub(super) terms: HashSet<String>,
    pub(super) numbers: Numbers,
    /// The text without differences of case and form.
    pub(super) plain: String,
}

/// A passage without its sentences.
#[derive(Debug)]
pub(super) struct SourcePassage {
    pub(super) number: u32,
    /// The terms of title and headings, which every sentence below them may speak of.
    pub(super) context: HashSet<String>,
    pub(super) context_numbers: Numbers,
    /// All words, with single spaces around each.
    pub(super) spaced: String,
    /// The text without differences of case and form.
    pub(super) plain: String,
}

/// What the passages and the question say.
#[derive(Debug)]
pub struct Evidence {
    pub(super) language: Language,
    pub(super) passages: Vec<SourcePassage>,
    pub(super) sentences: Vec<SourceSentence>,
    pub(super) question: HashSet<String>,
}

impl Evidence {
    /// Prepares the passages that an answer to the question is checked against.
    pub fn new<'a>(question: &str, passages: impl IntoIterator<Item = Passage<'a>>) -> Self {
        let passages: Vec<Passage<'_>> = passages.into_iter().collect();
        // What a document orders an assistant to say supports nothing.
        let told = passages.iter().map(|passage| without_orders(passage.text));
        let told: Vec<Cow<'_, str>> = told.collect();
        let passages: Vec<Passage<'_>> = passages
            .iter()
            .zip(&told)
            .map(|(passage, text)| Passage { text, ..*passage })
            .collect();
        let text: String = passages
            .iter()
            .flat_map(|passage| [passage.text, "\n"])
            .collect();
        let language = Language::detect(&text);
        let mut reader = Reader::new(language);
        let mut evidence = Self {
            language,
            passages: Vec::new(),
            sentences: Vec::new(),
            question: HashSet::new(),
        };
        for word in reader.words(question) {
            evidence.question.extend(word.terms);
        }
        for (place, passage) in passages.into_iter().enumerate() {
            evidence.passages.push(reader.passage(passage));
            for sentence in sentences::split(passage.text) {
                evidence.sentences.push(reader.sentence(place, sentence));
            }
        }
        evidence
    }

    /// The words of a sentence that is checked.
    pub(super) fn words(&self, text: &str) -> Vec<Word> {
        Reader::new(self.language).words(text)
    }
}

/// Reads words, each only once.
struct Reader {
    language: Language,
    known: HashMap<String, Word>,
}

impl Reader {
    fn new(language: Language) -> Self {
        Self {
            language,
            known: HashMap::new(),
        }
    }

    fn words(&mut self, text: &str) -> Vec<Word> {
        words(text)
            .into_iter()
            .flat_map(parts)
            .map(|word| self.known_word(word))
            .collect()
    }

    fn known_word(&mut self, text: String) -> Word {
        let language = self.language;
        let word = self.known.entry(text.clone()).or_insert_with(|| {
            let is_negation = is_negation(&text);
            let is_number = text.chars().all(|c| c.is_ascii_digit());
            Word {
                terms: question_terms(&text),
                is_content: !is_number
                    && !is_negation
                    && !is_function_word(&text, language)
                    && (text.chars().count() > 1 || !text.is_ascii()),
                is_negation,
                text,
            }
        });
        word.clone()
    }

    fn sentence(&mut self, passage: usize, text: &str) -> SourceSentence {
        let words = self.words(text);
        let plain = plain(text);
        SourceSentence {
            passage,
            terms: words
                .iter()
                .flat_map(|word| word.terms.iter().cloned())
                .collect(),
            words,
            numbers: Numbers::of(&plain, self.language),
            plain,
        }
    }

    fn passage(&mut self, passage: Passage<'_>) -> SourcePassage {
        let Passage {
            number,
            title,
            heading,
            text,
        } = passage;
        let above = format!("{title} {}", heading.unwrap_or_default());
        let context = self.words(&above);
        SourcePassage {
            number,
            context: context.into_iter().flat_map(|word| word.terms).collect(),
            context_numbers: Numbers::of(&plain(&above), self.language),
            spaced: format!(" {} ", words(text).join(" ")),
            plain: plain(&format!("{above} {text}")),
        }
    }
}

/// The word itself; in scripts without spaces, a run of characters is read as its pairs.
pub(in crate::domain::answer) fn parts(word: String) -> Vec<String> {
    let is_unspaced = |c: char| {
        matches!(c, '\u{e00}'..='\u{eff}' | '\u{1780}'..='\u{17ff}' |
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
    };
    if !word.contains(is_unspaced) {
        return vec![word];
    }
    let is_pair = |term: &String| term.chars().count() == 2 && term.chars().all(is_unspaced);
    let pairs: Vec<String> = question_terms(&word).into_iter().filter(is_pair).collect();
    if pairs.is_empty() { vec![word] } else { pairs }
}

/// The text in lower case with plain signs.
pub(super) fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    lower
        .replace(['\u{2018}', '\u{2019}'], "'")
        .replace(
            [
                '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}',
            ],
            "-",
        )
        .replace(['\u{a0}', '\u{202f}', '\u{2009}'], " ")
}
