//! Whether a question asks what a question-and-answer pair answers. The answer of a pair is given
//! word for word, so a wrong pair is a wrong answer: what the two questions name must be the same,
//! and nearness of their meanings only decides how much of the rest may differ.

mod asking;
mod choice;
mod concepts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

pub use choice::{Likeness, PossiblePair, choose};

use super::conversation::is_function_plain;
use super::function_words::is_function_word;
use super::grounding::{has_negation_sign, is_negation};
use super::language::Language;
use crate::domain::tokenizer::{self, question_exact_terms, question_terms, without_accents};
use asking::{Asking, Kind};
use concepts::Concept;

/// Letters that two forms of a word begin with.
const STEM_START: usize = 3;
/// Longer questions are compared word for word only.
const MAX_WORDS: usize = 40;

/// Function words that turn a question into another one, each with what it means.
const TURNING: &str = "\
    from/from desde/from depuis/from before/before vor/before antes/before avant/before \
    prima/before after/after nach/after despues/after apres/after depois/after dopo/after \
    without/without ohne/without sin/without sans/without sem/without senza/without over/over \
    under/under above/over below/under until/until since/since more/more mehr/more mas/more \
    less/less weniger/less menos/less moins/less meno/less another/other other/other otro/other \
    otra/other autre/other outro/other outra/other altro/other only/only nur/only solo/only \
    seulement/only apenas/only self/self online/online";
/// Whose something is.
const OWNERS: &str = "\
    my/me mine/me mi/me mis/me mein/me meine/me meinen/me meiner/me mon/me ma/me mes/me meu/me \
    minha/me mio/me mia/me your/you yours/you tu/you tus/you su/you sus/you dein/you deine/you \
    deinen/you ihr/you ihre/you ihren/you votre/you vos/you ton/you tes/you seu/you sua/you \
    tuo/you tua/you vostro/you vostra/you";

/// A word with a meaning.
#[derive(Debug, Clone)]
struct ContentWord {
    /// Without accents.
    text: String,
    concept: Option<Concept>,
    /// A name or a number, for which there is no other word, or words without spaces between.
    is_exact: bool,
}

/// A question, prepared to be compared with many.
#[derive(Debug)]
pub struct ComparedQuestion {
    language: Language,
    kind: Kind,
    is_negated: bool,
    /// Identifiers and numbers with their signs: `C++`, `3.5`.
    exact: BTreeSet<String>,
    turning: BTreeSet<&'static str>,
    /// Words behind a possessive pronoun, and whose that is.
    owned: HashSet<(String, &'static str)>,
    content: Vec<ContentWord>,
    is_long: bool,
}

impl ComparedQuestion {
    /// Prepares a question that is asked.
    pub fn new(text: &str) -> Self {
        Self::of_language(text, Language::detect(text))
    }

    /// Compares it with a question of a pair.
    pub fn likeness(&self, question: &str) -> Likeness {
        let other = Self::of_language(question, self.language);
        let is_other = self.is_long
            || other.is_long
            || !self.kind.fits(other.kind)
            || self.is_negated != other.is_negated
            || self.exact != other.exact
            || self.turning != other.turning
            || self.owns_differently(&other)
            || self.content.is_empty()
            || other.content.is_empty();
        if is_other {
            return Likeness::Different;
        }
        let (missing, more) = (lacking(self, &other), lacking(&other, self));
        let differs_exactly = missing.iter().chain(&more).any(|word| word.is_exact);
        match (missing.len(), more.len()) {
            _ if differs_exactly => Likeness::Different,
            (0, 0) if self.is_reordered(&other) => Likeness::Different,
            (0, 0) => Likeness::Same,
            // A word more than the pair has would ask for something narrower.
            (0, 1) => Likeness::OneLess,
            _ => Likeness::Different,
        }
    }

    fn of_language(text: &str, language: Language) -> Self {
        let written = tokenizer::words(text);
        let is_long = written.len() > MAX_WORDS;
        let is_french = language == Language::French;
        let plain = |word: &String| match word.as_str() {
            "où" if is_french => word.clone(),
            _ => without_accents(word).unwrap_or_else(|| word.clone()),
        };
        let words = concepts::without_phrases(written.iter().map(plain).collect());
        let is_question = text.contains(['?', '？', '؟', '¿']);
        let Asking { kind, places } = asking::of_words(&words, language, is_question, |word| {
            is_function(word, language) || concepts::is_light(word)
        });
        let negates = |word: &String| is_negation(word) && !is_preposition(word, language);
        let exact = question_exact_terms(text).into_iter();
        let exact = exact.filter_map(|term| term.forms.into_iter().next());
        let tells = |form: &String| form.contains(|c: char| c.is_numeric() || "#+@%.".contains(c));
        let named = named_words(text, language);
        let mut question = Self {
            language,
            kind,
            is_negated: written.iter().any(negates) || has_negation_sign(text),
            exact: exact
                .map(|form| form.trim_start_matches('=').to_owned())
                .filter(tells)
                .collect(),
            turning: words
                .iter()
                .filter_map(|word| meaning(TURNING, word))
                .collect(),
            owned: owned(&words),
            content: content(&words, &places, &written, language, &named),
            is_long,
        };
        question.bring_to_one_form(&words, places.end);
        question
    }

    /// "How much is it" asks for the price, and so does "What is the price of it".
    fn bring_to_one_form(&mut self, words: &[String], behind: usize) {
        let concept = |name| concepts::of_word(name);
        let has =
            |content: &[ContentWord], name| content.iter().any(|w| w.concept == concept(name));
        let asks_for_thing = matches!(
            self.kind,
            Kind::Thing | Kind::Words | Kind::Price | Kind::Way
        );
        if self.kind == Kind::Price && !has(&self.content, "price") {
            // "How much time", but "How much is" and "How much for".
            let counts = words
                .get(behind)
                .is_some_and(|next| !is_function(next, self.language) && !is_verb_of_price(next));
            if counts {
                self.kind = Kind::Number;
            } else {
                self.content.push(ContentWord::named("price"));
            }
        } else if asks_for_thing && has(&self.content, "price") {
            self.kind = Kind::Price;
        }
        if self.kind == Kind::Duration && !has(&self.content, "duration") {
            self.content.push(ContentWord::named("duration"));
        } else if self.kind == Kind::Thing && has(&self.content, "duration") {
            self.kind = Kind::Duration;
        }
        if matches!(self.kind, Kind::Thing | Kind::Words) && has(&self.content, "open") {
            self.kind = Kind::Time;
        }
        // "Wie ist die Adresse?"
        let names_place = matches!(self.kind, Kind::Thing | Kind::Words)
            || (self.kind == Kind::Way && self.language == Language::German);
        if names_place && has(&self.content, "location") {
            self.kind = Kind::Place;
        }
        if self.kind == Kind::Place {
            let says_where = [concept("location"), concept("find")];
            self.content
                .retain(|word| !says_where.contains(&word.concept) || word.concept.is_none());
            if self.content.is_empty() {
                self.content.push(ContentWord::named("location"));
            }
        }
        let says_way = |word: &String| {
            matches!(
                word.as_str(),
                "way" | "ways" | "manera" | "maneira" | "moyen" | "facon"
            )
        };
        if self.kind == Kind::Thing && words.iter().any(says_way) {
            self.kind = Kind::Way;
        }
        let mut known: Vec<ContentWord> = Vec::new();
        for word in self.content.drain(..) {
            if !known.iter().any(|other| word.is_same(other)) {
                known.push(word);
            }
        }
        self.content = known;
    }

    fn owns_differently(&self, other: &Self) -> bool {
        self.owned.iter().any(|(word, owner)| {
            let others = other.owned.iter();
            let mut same = others.filter(|(theirs, _)| theirs == word);
            same.any(|(_, theirs)| theirs != owner)
        })
    }

    /// Whether two names or numbers stand in another order: "from Rome to Paris".
    fn is_reordered(&self, other: &Self) -> bool {
        let places: Vec<usize> = self
            .content
            .iter()
            .filter(|word| word.is_exact)
            .filter_map(|word| other.content.iter().position(|theirs| word.is_same(theirs)))
            .collect();
        !places.is_sorted()
    }
}

impl ContentWord {
    /// A concept that is said by a question word.
    fn named(name: &str) -> Self {
        Self {
            text: name.to_owned(),
            concept: concepts::of_word(name),
            is_exact: false,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        if self.text == other.text {
            return true;
        }
        if let (Some(own), Some(theirs)) = (self.concept, other.concept) {
            return own == theirs;
        }
        let is_number = |text: &str| text.contains(|c: char| c.is_numeric());
        let start = |text: &str| text.chars().take(STEM_START).collect::<String>();
        if is_number(&self.text)
            || is_number(&other.text)
            || start(&self.text) != start(&other.text)
            || tokenizer::pairs(&self.text).is_some()
        {
            return false;
        }
        let terms = question_terms(&self.text);
        let others = question_terms(&other.text);
        terms.iter().any(|term| others.contains(term))
    }
}

/// The words of one question that the other lacks.
fn lacking<'a>(of: &'a ComparedQuestion, other: &ComparedQuestion) -> Vec<&'a ContentWord> {
    let is_there = |word: &&ContentWord| !other.content.iter().any(|theirs| word.is_same(theirs));
    of.content.iter().filter(is_there).collect()
}

fn content(
    words: &[String],
    asking: &Range<usize>,
    written: &[String],
    language: Language,
    named: &HashSet<String>,
) -> Vec<ContentWord> {
    let is_function_written = |word: &String| {
        // With its accents a word may be listed that is not without them.
        written.iter().any(|full| {
            is_function_word(full, language)
                && (full == word || without_accents(full).as_deref() == Some(word))
        })
    };
    let rest = words.iter().enumerate();
    let rest = rest.filter(|(place, _)| !asking.contains(place));
    rest.map(|(_, word)| word)
        .filter(|word| concepts::of_word(word).is_some() || !is_function(word, language))
        .filter(|word| concepts::of_word(word).is_some() || !is_function_written(word))
        .filter(|word| !concepts::is_light(word) && !is_negation(word))
        .filter(|word| meaning(TURNING, word).is_none())
        .map(|word| ContentWord {
            concept: concepts::of_word(word),
            is_exact: named.contains(word)
                || word.contains(|c: char| c.is_numeric())
                || tokenizer::pairs(word).is_some(),
            text: word.clone(),
        })
        .collect()
}

/// Words that are written as names: with a capital letter and not at the beginning of a sentence.
fn named_words(text: &str, language: Language) -> HashSet<String> {
    if language == Language::German {
        return HashSet::new(); // every noun has one
    }
    let mut named = HashSet::new();
    let mut begins = true;
    for word in text.split_whitespace() {
        let letters = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_capital = letters.starts_with(char::is_uppercase);
        // "I", and a title or a shout, name nothing.
        if is_capital && !begins && letters.chars().count() > 1 {
            named.extend(
                tokenizer::words(letters)
                    .into_iter()
                    .map(|word| without_accents(&word).unwrap_or(word)),
            );
        }
        begins = word.ends_with(['.', '!', '?', ':', ',']);
    }
    named
}

fn owned(words: &[String]) -> HashSet<(String, &'static str)> {
    let pairs = words.windows(2);
    let owned = pairs.filter_map(|pair| Some((pair[1].clone(), meaning(OWNERS, &pair[0])?)));
    owned.collect()
}

/// What a word of a list means.
fn meaning(list: &'static str, word: &str) -> Option<&'static str> {
    let listed = list.split_whitespace();
    let mut listed = listed.filter_map(|entry| entry.split_once('/'));
    listed
        .find(|(known, _)| *known == word)
        .map(|(_, meaning)| meaning)
}

fn is_function(word: &str, language: Language) -> bool {
    is_function_word(word, language) || is_function_plain(word, language)
}

/// `no` is "in the" in Portuguese, `ne` is "of it" in Italian, `t` only sounds well in French.
fn is_preposition(word: &str, language: Language) -> bool {
    match language {
        Language::French => word == "t",
        Language::Portuguese => word == "no",
        Language::Italian => word == "ne",
        _ => false,
    }
}

fn is_verb_of_price(word: &str) -> bool {
    matches!(word, "pay" | "pago" | "zahle" | "sale" | "serait" | "seria")
}
