//! What a question names, and so what its answer should have.

use std::collections::HashSet;

use super::general_words::{is_about_the_present, is_general};
use super::{TITLE_NAME_SHARE, TITLE_WORD_SHARE, lower, written_words};
use crate::domain::answer::function_words::is_function_word;
use crate::domain::answer::language::Language;
use crate::domain::answer::{names, sentences};
use crate::domain::tokenizer::question_terms;

/// A number with fewer digits may be a count: "three tips", "2 adults".
const MIN_DIGITS: usize = 3;
/// Letters of an abbreviation.
const ABBREVIATION: std::ops::RangeInclusive<usize> = 2..=6;
/// Further words are ignored.
const MAX_NEEDS: usize = 40;

/// A word that the answer should have.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Need {
    pub(super) kind: Kind,
    /// The word and its stems.
    pub(super) terms: Vec<String>,
    /// The initials of the name that it is a word of, which stand for it: "US", "EU".
    pub(super) initials: Option<String>,
    /// What it counts: a name of two words counts as one of one word.
    pub(super) share: f32,
    /// The word of a name directly before it, in lower case: "springfield" for "Illinois" in
    /// "Springfield, Illinois".
    pub(super) before: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is asked for.
    Asked,
    Name,
    Number,
    /// That the answer is about the present.
    Present,
    Other,
}

impl Need {
    /// Whether the word is one of these, or has the same stem.
    pub(super) fn is_in(&self, terms: &HashSet<String>) -> bool {
        self.terms.iter().any(|term| terms.contains(term))
    }

    /// What it counts to have the word in the title alone.
    pub(super) const fn title_share(&self) -> f32 {
        match self.kind {
            Kind::Name | Kind::Number => TITLE_NAME_SHARE,
            Kind::Asked | Kind::Present | Kind::Other => TITLE_WORD_SHARE,
        }
    }
}

/// What the sentences that ask name, or all sentences if none ends as a question.
pub(super) fn of_question(question: &str, language: Language) -> Vec<Need> {
    let names: HashSet<String> = names::of_question(question)
        .into_iter()
        .map(lower)
        .collect();
    let all = sentences::split(question);
    let asks = |sentence: &&str| sentence.contains(['?', '？', '؟']);
    let any_asks = all.iter().any(asks);
    let asking = all.into_iter().filter(|s| !any_asks || asks(s));
    let mut known = HashSet::new();
    let mut needs = Vec::new();
    for sentence in asking {
        needs.extend(of_sentence(sentence, language, &names));
    }
    needs.retain(|need: &Need| known.insert(need.terms.clone()));
    needs.truncate(MAX_NEEDS);
    needs
}

fn of_sentence(sentence: &str, language: Language, names: &HashSet<String>) -> Vec<Need> {
    let words = written_words(sentence);
    let asked = asked_for(&words, language);
    let has_small = words.iter().filter(|word| is_abbreviation(word)).count() * 2 < words.len();
    let mut needs = Vec::new();
    let mut places = Vec::new();
    let mut previous_is_name = false;
    for (place, word) in words.iter().enumerate() {
        let small = lower(word);
        let is_stressed = is_general(&small);
        let is_name =
            names.contains(&small) || (has_small && is_abbreviation(word) && !is_stressed);
        let is_number = is_specific_number(word, previous_is_name);
        previous_is_name = is_name || (place > 0 && word.starts_with(char::is_uppercase));
        let kind = if is_number {
            Kind::Number
        } else if is_name {
            Kind::Name
        } else if word.contains(|c: char| c.is_numeric())
            || is_function_word(&small, language)
            || small.chars().count() < 2
        {
            continue;
        } else if is_about_the_present(&small) {
            Kind::Present
        } else if is_general(&small) {
            continue;
        } else if asked.contains(&place) {
            Kind::Asked
        } else if language == Language::English {
            Kind::Other
        } else {
            // Too much is said in other words, of which there is no list.
            continue;
        };
        needs.push(Need {
            kind,
            terms: question_terms(word),
            initials: None,
            share: 1.0,
            before: None,
        });
        places.push(place);
    }
    join_names(&mut needs, &places, &words, sentence);
    name_neighbours(&mut needs, &places, &words, sentence);
    needs
}

/// Neighbouring words of names are one name: they share its initials and its weight.
fn join_names(needs: &mut [Need], places: &[usize], words: &[&str], sentence: &str) {
    let mut start = 0;
    while start < needs.len() {
        let mut end = start + 1;
        let is_name = needs[start].kind == Kind::Name;
        while is_name
            && end < needs.len()
            && needs[end].kind == Kind::Name
            && places[end] == places[end - 1] + 1
            && sentence.contains(&format!(
                "{} {}",
                words[places[end - 1]],
                words[places[end]]
            ))
        {
            end += 1;
        }
        if is_name {
            let name = &places[start..end];
            let initials: String = match name {
                [place] if is_abbreviation(words[*place]) => words[*place].to_owned(),
                _ => name
                    .iter()
                    .filter_map(|p| words[*p].chars().next())
                    .collect(),
            };
            #[expect(clippy::cast_precision_loss, reason = "a name has few words")]
            let share = 1.0 / name.len() as f32;
            for need in &mut needs[start..end] {
                need.initials = ABBREVIATION
                    .contains(&initials.len())
                    .then(|| initials.to_uppercase());
                need.share = share;
            }
        }
        start = end;
    }
}

/// Names and numbers that stand directly behind a name.
fn name_neighbours(needs: &mut [Need], places: &[usize], words: &[&str], sentence: &str) {
    for at in 1..needs.len() {
        let (before, place) = (places[at - 1], places[at]);
        // A word behind a comma counts as none of a name, since it may begin a sentence.
        let is_capitalised = words[place].starts_with(char::is_uppercase);
        let is_part = is_capitalised || needs[at].kind == Kind::Number;
        let is_beside = [" ", ", "]
            .iter()
            .any(|gap| sentence.contains(&format!("{}{gap}{}", words[before], words[place])));
        if is_part && needs[at - 1].kind == Kind::Name && place == before + 1 && is_beside {
            needs[at].before = Some(lower(words[before]));
        }
    }
}

/// The places of the words behind a question word: "maximum depth" in "What is the maximum depth
/// of …". For English, whose general words are known best.
fn asked_for(words: &[&str], language: Language) -> std::ops::Range<usize> {
    let is_empty = |place: usize| {
        words.get(place).is_some_and(|word| {
            let small = lower(word);
            is_function_word(&small, language) || is_general(&small) || is_about_the_present(&small)
        })
    };
    let ends = |place: usize| {
        words
            .get(place)
            .is_none_or(|word| is_function_word(&lower(word), language))
    };
    let asks = |place: &usize| {
        let word = lower(words[*place]);
        let next = words.get(place + 1).map(|next| lower(next));
        matches!(word.as_str(), "what" | "which")
            || (word == "how" && matches!(next.as_deref(), Some("many" | "much")))
    };
    if language != Language::English {
        return 0..0;
    }
    let Some(question_word) = (0..words.len()).find(asks) else {
        return 0..0;
    };
    let mut start = question_word + 1;
    while is_empty(start) {
        start += 1;
    }
    let mut end = start;
    while !ends(end) {
        end += 1;
    }
    start..end
}

/// Whether a number names one thing: a year, a version, a code, and not a count.
fn is_specific_number(word: &str, is_behind_name: bool) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let has_letters = word.contains(char::is_alphabetic);
    digits >= MIN_DIGITS || (digits > 0 && (has_letters || is_behind_name))
}

/// Whether a word is written in capitals alone.
fn is_abbreviation(word: &str) -> bool {
    ABBREVIATION.contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The initials of neighbouring capitalised words: "IB" for "International Baccalaureate".
pub(super) fn initials(text: &str) -> Vec<String> {
    let words = written_words(text);
    let mut found = Vec::new();
    for start in 0..words.len() {
        let mut letters = String::new();
        for word in &words[start..] {
            match word.chars().next() {
                Some(first) if first.is_ascii_uppercase() => letters.push(first),
                _ if matches!(*word, "of" | "and" | "for" | "the") && !letters.is_empty() => {
                    continue;
                }
                _ => break,
            }
            if ABBREVIATION.contains(&letters.len()) {
                found.push(letters.clone());
            }
            if letters.len() >= *ABBREVIATION.end() {
                break;
            }
        }
    }
    found
}

/// Abbreviations, also with points: "US" for "U.S.".
pub(super) fn abbreviations(text: &str) -> Vec<String> {
    let chunks = text.split(|c: char| !c.is_alphanumeric() && c != '.');
    chunks
        .map(|chunk| chunk.replace('.', ""))
        .filter(|chunk| is_abbreviation(chunk))
        .collect()
}

/// Whether a year is named.
pub(super) fn has_year(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter_map(|word| word.parse::<u16>().ok())
        .any(|number| (1900..=2100).contains(&number))
}
