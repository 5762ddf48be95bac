//! Turns a text into the terms of the word index. Documents and questions use the same function, so
//! that what stands in a document is found when it is typed.

mod characters;
mod exact;
mod stems;
#[cfg(test)]
mod tests;

pub(crate) use characters::without_accents;
pub(crate) use exact::ExactTerm;
pub(crate) use stems::StemLanguage;

use characters::{Script, is_joiner, is_word, normalise, script};
use stems::stems;

/// A longer run of letters and digits is no word: encoded data, or text without any spaces.
const MAX_WORD: usize = 64;
/// A longer exact term is no identifier; its words are terms all the same.
const MAX_EXACT: usize = 120;

/// How a term was made, which decides how much it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TermKind {
    /// A word as it is written.
    Word,
    /// The stem of a word, or the word without its accents.
    Stem,
    /// An identifier, an address, a number: the user means exactly this.
    Exact,
}

impl TermKind {
    /// Keeps the kinds apart in one column.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Word => "",
            Self::Stem => "~",
            Self::Exact => "=",
        }
    }

    /// The kind of a stored term.
    pub(crate) fn of_term(term: &str) -> Self {
        match term.as_bytes().first() {
            Some(b'~') => Self::Stem,
            Some(b'=') => Self::Exact,
            _ => Self::Word,
        }
    }
}

/// The terms of a part of a document, repeated as often as they occur.
pub(crate) fn document_terms(text: &str, language: StemLanguage) -> Vec<String> {
    let text = normalise(text);
    let mut terms = words_and_stems(&text, Some(language));
    for form in exact_terms(&text).into_iter().flat_map(|term| term.forms) {
        push(&mut terms, TermKind::Exact, &form);
        // A question with only the digits of a number has a word.
        if form.bytes().all(|byte| byte.is_ascii_digit()) {
            push(&mut terms, TermKind::Word, &form);
        }
    }
    terms
}

/// The words of a question and their stems. It may find documents in any language.
pub(crate) fn question_terms(text: &str) -> Vec<String> {
    words_and_stems(&normalise(text), None)
}

/// The keywords of a script without spaces: its pairs of neighbours, or the one character. None if
/// the word has letters of another script.
pub(crate) fn pairs(word: &str) -> Option<Vec<String>> {
    let is_unspaced = |c: char| script(c) != Script::Spaced;
    if word.is_empty() || !word.chars().all(is_unspaced) {
        return None;
    }
    let letters = characters::clusters(word);
    if letters.len() < 2 {
        return Some(letters);
    }
    Some(letters.windows(2).map(<[String]>::concat).collect())
}

/// What a question means exactly. The forms are stored terms.
pub(crate) fn question_exact_terms(text: &str) -> Vec<ExactTerm> {
    let stored = |mut term: ExactTerm| {
        let mut forms = Vec::new();
        for form in &term.forms {
            push(&mut forms, TermKind::Exact, form);
        }
        term.forms = forms;
        term
    };
    exact_terms(&normalise(text))
        .into_iter()
        .map(stored)
        .collect()
}

fn exact_terms(text: &str) -> Vec<ExactTerm> {
    let compounds = text.split_whitespace().flat_map(exact::compounds);
    compounds.chain(exact::spaced_numbers(text)).collect()
}

/// The words of a text without stems and exact terms: for phrases and for detecting a language.
pub(crate) fn words(text: &str) -> Vec<String> {
    let normalised = normalise(text);
    normalised
        .split(|c: char| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A word of a phrase, in every form in which it is the same word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PhraseWord {
    plain: String,
    stems: Vec<String>,
}

/// How much longer one form of a word is than another. Stems alone take some words for one that
/// only share their origin, such as *organ* and *organize*.
const MAX_ENDING: usize = 2;

impl PhraseWord {
    fn new(word: &str) -> Self {
        Self {
            plain: without_accents(word).unwrap_or_else(|| word.to_owned()),
            stems: stems(word, None),
        }
    }

    /// Whether the two are forms of the same word.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        let length = |word: &Self| word.plain.chars().count();
        self.plain == other.plain
            || (length(self).abs_diff(length(other)) <= MAX_ENDING
                && self.stems.iter().any(|stem| other.stems.contains(stem)))
    }
}

/// The words of a text in their order; a script without spaces gives its characters.
pub(crate) fn phrase_words(text: &str) -> Vec<PhraseWord> {
    let split = |word: String| {
        if word.chars().any(|c| script(c) == Script::Unspaced) {
            characters::clusters(&word)
        } else {
            vec![word]
        }
    };
    let words = words(text).into_iter().flat_map(split);
    words.map(|word| PhraseWord::new(&word)).collect()
}

fn push(terms: &mut Vec<String>, kind: TermKind, text: &str) {
    if text.len() <= MAX_EXACT {
        terms.push(format!("{}{text}", kind.prefix()));
    }
}

/// Splits runs of letters, marks and digits where the script changes.
fn words_and_stems(text: &str, language: Option<StemLanguage>) -> Vec<String> {
    let mut terms = Vec::new();
    for run in text.split(|c: char| !is_word(c)) {
        let mut rest = run;
        while let Some(first) = rest.chars().next() {
            let of_run = script(first);
            let end = rest
                .char_indices()
                .find(|(_, c)| script(*c) != of_run && script(*c) != Script::Mark)
                .map_or(rest.len(), |(at, _)| at);
            let (part, after) = rest.split_at(end.max(first.len_utf8()));
            match of_run {
                Script::Unspaced => push_pairs(&mut terms, part),
                Script::Spaced | Script::Mark => push_word(&mut terms, part, language),
            }
            rest = after;
        }
    }
    terms
}

fn push_word(terms: &mut Vec<String>, word: &str, language: Option<StemLanguage>) {
    if word.len() > MAX_WORD {
        return;
    }
    push(terms, TermKind::Word, word);
    if !word.contains(|c: char| c.is_ascii_digit()) {
        for stem in stems(word, language) {
            push(terms, TermKind::Stem, &stem);
        }
    }
}

/// Scripts without spaces: every character and every pair of neighbours.
fn push_pairs(terms: &mut Vec<String>, text: &str) {
    let letters = characters::clusters(text);
    for letter in &letters {
        push(terms, TermKind::Word, letter);
    }
    for pair in letters.windows(2) {
        push(terms, TermKind::Word, &pair.concat());
    }
}

/// Whether a character may stand inside an exact term.
fn is_exact_part(c: char) -> bool {
    is_word(c) || is_joiner(c)
}
