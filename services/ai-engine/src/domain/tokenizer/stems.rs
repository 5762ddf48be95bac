//! Stems, so that `breathing` finds `breathe`, and words without accents.

use rust_stemmers::{Algorithm, Stemmer};
use whatlang::Lang;

use super::characters::without_accents;

/// Shorter words are left as they are: their stems collide.
const MIN_LETTERS: usize = 4;
/// In a shorter text the language is guessed wrong too often.
const MIN_DETECTABLE: usize = 200;
/// Detection reads no more of a text, bytes.
const MAX_DETECTED: usize = 20_000;

/// A language with a stemmer. Its code is part of the term, so that stems of different languages do
/// not match by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StemLanguage {
    English,
    Spanish,
    German,
    French,
    Portuguese,
    Italian,
    Dutch,
    Russian,
    Arabic,
}

/// The languages of one script.
const LATIN: [StemLanguage; 7] = [
    StemLanguage::English,
    StemLanguage::Spanish,
    StemLanguage::German,
    StemLanguage::French,
    StemLanguage::Portuguese,
    StemLanguage::Italian,
    StemLanguage::Dutch,
];

impl StemLanguage {
    /// The language of a document: English if the text is too short to tell.
    pub(crate) fn detect(text: &str) -> Self {
        if text.chars().take(MIN_DETECTABLE).count() < MIN_DETECTABLE {
            return Self::English;
        }
        let head = text.get(..text.floor_char_boundary(MAX_DETECTED));
        match whatlang::detect_lang(head.unwrap_or(text)) {
            Some(Lang::Spa) => Self::Spanish,
            Some(Lang::Deu) => Self::German,
            Some(Lang::Fra) => Self::French,
            Some(Lang::Por) => Self::Portuguese,
            Some(Lang::Ita) => Self::Italian,
            Some(Lang::Nld) => Self::Dutch,
            Some(Lang::Rus) => Self::Russian,
            Some(Lang::Ara) => Self::Arabic,
            _ => Self::English,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::German => "de",
            Self::French => "fr",
            Self::Portuguese => "pt",
            Self::Italian => "it",
            Self::Dutch => "nl",
            Self::Russian => "ru",
            Self::Arabic => "ar",
        }
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Self::English => Algorithm::English,
            Self::Spanish => Algorithm::Spanish,
            Self::German => Algorithm::German,
            Self::French => Algorithm::French,
            Self::Portuguese => Algorithm::Portuguese,
            Self::Italian => Algorithm::Italian,
            Self::Dutch => Algorithm::Dutch,
            Self::Russian => Algorithm::Russian,
            Self::Arabic => Algorithm::Arabic,
        }
    }

    fn stem(self, word: &str) -> String {
        let stem = Stemmer::create(self.algorithm()).stem(word).into_owned();
        format!("{}:{stem}", self.code())
    }
}

/// The stems of a word in lower case, and the word without accents. The language of a question of
/// three words cannot be told, so a word of a question has a stem in every language of its script.
pub(super) fn stems(word: &str, language: Option<StemLanguage>) -> Vec<String> {
    let mut stems: Vec<String> = without_accents(word).into_iter().collect();
    if word.chars().count() < MIN_LETTERS {
        return stems;
    }
    match (word.chars().next(), language) {
        (Some('\u{400}'..='\u{52f}'), _) => stems.push(StemLanguage::Russian.stem(word)),
        (Some('\u{600}'..='\u{6ff}'), _) => stems.push(StemLanguage::Arabic.stem(word)),
        (Some('a'..='z' | '\u{df}'..='\u{24f}'), Some(language)) => stems.push(language.stem(word)),
        (Some('a'..='z' | '\u{df}'..='\u{24f}'), None) => {
            stems.extend(LATIN.map(|language| language.stem(word)));
        }
        _ => {}
    }
    stems
}
