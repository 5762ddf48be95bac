//! The sentences, list entries and table rows of a passage, with their terms and numbers.

use std::collections::HashSet;
use std::ops::Range;

use shared_ai_client::Source;

use crate::domain::answer::grounding::evidence::parts;
use crate::domain::answer::grounding::numbers::Numbers;
use crate::domain::answer::language::Language;
use crate::domain::answer::sentences;
use crate::domain::index::joining::CELL_SEPARATOR;
use crate::domain::tokenizer::{question_terms, words};

/// What a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// A number, an amount, a date, a time.
    Number,
    /// A person or an organisation.
    Name,
    Anything,
}

const NUMBER_QUESTIONS: &str = "how much|how many|how long|how old|how often|how far|how big|\
    how large|how tall|how high|how fast|how cold|how warm|\
    how hot|how late|how early|what time|what year|what date|what price|what percentage|\
    what is the price|what does it cost|cost|costs|price|when|cuánto|cuánta|cuántos|cuántas|\
    cuándo|cuesta|precio|a qué hora|wie viel|wieviel|wie viele|wie lange|wie oft|wie alt|wann|\
    kostet|kosten|preis|combien|quand|coûte|prix|à quelle heure|quanto|quantos|quantas|quando|\
    custa|preço|a que horas|quanti|quante|quanta|costa|prezzo|a che ora|多少|多久|几|什么时候|いくら|何時|いつ|\
    얼마|언제|كم|متى|сколько|когда";
const NAME_QUESTIONS: &str =
    "who|whom|whose|quién|quiénes|wer|wem|wen|qui|quem|chi|谁|誰|누구|من|кто";
const PRONOUNS: [&str; 20] = [
    "it", "this", "that", "they", "these", "those", "he", "she", "its", "their", "es", "sie",
    "dies", "diese", "il", "elle", "ils", "esto", "questo", "isso",
];

impl Expected {
    pub(super) fn by(question: &str) -> Self {
        let spaced = format!(" {} ", words(question).join(" "));
        let asks = |list: &str| {
            list.split('|').any(|phrase| {
                let is_spaced = phrase.chars().all(|c| c < '\u{2e80}');
                if is_spaced {
                    spaced.contains(&format!(" {phrase} "))
                } else {
                    spaced.contains(phrase)
                }
            })
        };
        if asks(NUMBER_QUESTIONS) {
            Self::Number
        } else if asks(NAME_QUESTIONS) {
            Self::Name
        } else {
            Self::Anything
        }
    }
}

/// A part of a passage that can be quoted.
#[derive(Debug)]
pub(super) struct Unit<'s> {
    /// The place of its source.
    pub(super) source: usize,
    /// Bytes of the source's text.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: &'s str,
    /// What introduces it: the sentence before a list, the header of a table.
    pub(super) lead: Option<Range<usize>>,
    pub(super) terms: HashSet<String>,
    /// The terms of title, headings and lead.
    context: HashSet<String>,
    pub(super) numbers: Numbers,
    has_name: bool,
}

/// The units of a source, in order. Headings and rules are none.
pub(super) fn of_source(place: usize, source: &Source) -> Vec<Unit<'_>> {
    let text = source.text.as_str();
    let language = Language::detect(text);
    let above = format!(
        "{} {}",
        source.title,
        source.heading.as_deref().unwrap_or_default()
    );
    let mut units = Vec::new();
    let mut start = 0;
    let mut lead: Option<Range<usize>> = None;
    let mut table: Option<Range<usize>> = None;
    for sentence in sentences::split(text) {
        let end = start + sentence.len();
        let trimmed = sentence.trim();
        let range = start..end;
        start = end;
        let kind = Kind::of(trimmed);
        // The line below the header of a table has signs only.
        if kind != Kind::Row && !trimmed.starts_with('|') {
            table = None;
        }
        if kind == Kind::Prose {
            lead = trimmed.ends_with([':', '：']).then(|| range.clone());
        }
        if kind == Kind::Row && table.is_none() {
            table = Some(range);
            continue;
        }
        let lead_of_unit = match kind {
            Kind::Nothing => continue,
            Kind::Row => table.clone(),
            Kind::Entry => lead.clone(),
            Kind::Prose => None,
        };
        let lead_text = lead_of_unit.clone().map_or("", |lead| &text[lead]);
        units.push(Unit {
            source: place,
            start: range.start,
            end: range.end,
            text: &text[range],
            terms: terms(trimmed),
            context: terms(&format!("{above} {lead_text}")),
            lead: lead_of_unit,
            numbers: Numbers::of(&trimmed.to_lowercase(), language),
            has_name: has_name(trimmed),
        });
    }
    units
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Prose,
    /// An entry of a list.
    Entry,
    /// A row of a table.
    Row,
    /// A heading, or signs only.
    Nothing,
}

impl Kind {
    fn of(text: &str) -> Self {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let is_numbered = (1..=2).contains(&digits) && text[digits..].starts_with([')', '.']);
        if text.starts_with('#') || !text.contains(char::is_alphanumeric) {
            Self::Nothing
        } else if text.starts_with('|') || text.contains(CELL_SEPARATOR) {
            Self::Row
        } else if text.starts_with("- ")
            || text.starts_with("* ")
            || text.starts_with('•')
            || is_numbered
        {
            Self::Entry
        } else {
            Self::Prose
        }
    }
}

impl Unit<'_> {
    /// Whether the sentence has the word.
    pub(super) fn has(&self, terms: &[String]) -> bool {
        terms.iter().any(|term| self.terms.contains(term))
    }

    /// Whether the word stands above the sentence.
    pub(super) fn is_under(&self, terms: &[String]) -> bool {
        terms.iter().any(|term| self.context.contains(term))
    }

    pub(super) fn is_expected(&self, expected: Expected) -> bool {
        match expected {
            Expected::Number => !self.numbers.all.is_empty(),
            Expected::Name => self.has_name,
            Expected::Anything => false,
        }
    }

    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.source != other.source
            && self.terms == other.terms
            && self.context == other.context
            && self.text.trim() == other.text.trim()
    }

    /// Whether it is a sentence and no part of a list or a table.
    pub(super) fn is_prose(&self) -> bool {
        Kind::of(self.text.trim()) == Kind::Prose
    }

    pub(super) fn is_question(&self) -> bool {
        self.text.trim_end().ends_with(['?', '？', '؟'])
    }

    pub(super) fn begins_with_pronoun(&self) -> bool {
        begins_with_pronoun(self.text)
    }
}

/// Whether the first word of a text stands for something that was named before.
pub(crate) fn begins_with_pronoun(text: &str) -> bool {
    let first = words(text).into_iter().next().unwrap_or_default();
    PRONOUNS.contains(&first.as_str())
}

/// The words of a text and their stems.
pub(super) fn terms(text: &str) -> HashSet<String> {
    let words = words(text).into_iter().flat_map(parts);
    let unique: HashSet<String> = words.collect();
    unique
        .iter()
        .flat_map(|word| question_terms(word))
        .collect()
}

fn has_name(text: &str) -> bool {
    let mut chunks = text.split_whitespace().skip(1);
    chunks.any(|chunk| {
        chunk
            .trim_start_matches(['“', '(', '"'])
            .starts_with(char::is_uppercase)
    })
}
