//! The names in a question. A question about Lake Superior is not answered by what is said about
//! Lake Michigan, however similar the two texts are.

use crate::domain::answer::language::Language;
use crate::domain::answer::sentences;

/// A number with so many digits is a year, a code or an account; a shorter one may be a count.
const MIN_DIGITS: usize = 4;
/// In a text that is capitalised as a headline, capitals say nothing.
const MAX_CAPITALISED: f32 = 0.6;
/// Words that are capitalised in English and name nothing that a passage must have.
const COMMON: &str = "\
    i i'm i've i'll i'd mr mrs ms dr \
    monday tuesday wednesday thursday friday saturday sunday mondays \
    tuesdays wednesdays thursdays fridays saturdays sundays january february march april may \
    june july august september october november december";

/// How people say who they are or where they come from: what follows names them, and nothing that a
/// passage must have.
const INTRODUCTIONS: [&str; 18] = [
    "i am",
    "i'm",
    "my name is",
    "this is",
    "i am from",
    "i'm from",
    "i come from",
    "i live in",
    "soy",
    "me llamo",
    "mi nombre es",
    "je suis",
    "je m'appelle",
    "sou",
    "me chamo",
    "meu nome é",
    "sono",
    "mi chiamo",
];
/// How people say what they are. All that follows describes them, up to a punctuation mark or a
/// conjunction.
const ROLES: [&str; 14] = [
    "i am a",
    "i am an",
    "i'm a",
    "i'm an",
    "as a",
    "as an",
    "soy un",
    "soy una",
    "je suis un",
    "je suis une",
    "sou um",
    "sou uma",
    "sono un",
    "sono una",
];
/// Words within an introduction: "Ana Lopez from Lisbon".
const CONNECTORS: [&str; 11] = [
    "from", "in", "at", "of", "de", "del", "da", "di", "du", "aus", "von",
];
/// Words that end such a description, since the question itself may follow.
const CONJUNCTIONS: [&str; 8] = ["and", "but", "y", "pero", "et", "mais", "e", "mas"];

/// The part of a sentence in which people say who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Introduction {
    Name,
    Role,
}

impl Introduction {
    /// The introduction that a word belongs to: one that the text before it begins, or that of the
    /// previous word, if this word continues it. `text` is in lower case.
    fn of_word(previous: Option<Self>, text: &str, is_first: bool, word: &str) -> Option<Self> {
        let begins = |phrases: &[&str]| phrases.iter().any(|phrase| ends_with(text, phrase));
        let lower = word.to_lowercase();
        if begins(&ROLES) {
            return Some(Self::Role);
        }
        if begins(&INTRODUCTIONS) {
            return Some(Self::Name);
        }
        previous.filter(|introduction| match introduction {
            Self::Name => is_capitalised(word) || CONNECTORS.contains(&lower.as_str()),
            Self::Role => !is_first && !CONJUNCTIONS.contains(&lower.as_str()),
        })
    }
}

/// The names and long numbers of the sentences that ask, or of all if none ends as a question.
pub(super) fn of_question(question: &str) -> Vec<&str> {
    let sentences = sentences::split(question);
    let asks = |sentence: &&str| sentence.contains(['?', '？', '؟']);
    let any_asks = sentences.iter().any(asks);
    // German capitalises every noun.
    let is_german = Language::detect(question) == Language::German;
    let asking = sentences.into_iter().filter(|s| !any_asks || asks(s));
    asking
        .flat_map(|s| names_of_sentence(s, is_german))
        .collect()
}

fn names_of_sentence(sentence: &str, is_german: bool) -> Vec<&str> {
    let words = words(sentence);
    let inner = words.iter().filter(|(is_first, _)| !is_first);
    let capitalised = inner.filter(|(_, word)| is_capitalised(word)).count();
    let tells = !is_german && share(capitalised, words.len()) <= MAX_CAPITALISED;
    let mut names = Vec::new();
    let mut said = String::new();
    let mut introduction = None;
    for (is_first, word) in words {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        introduction = Introduction::of_word(introduction, &said, is_first, word);
        let is_name = tells && !is_first && is_capitalised(word) && !is_common(word);
        if digits >= MIN_DIGITS || (is_name && introduction.is_none()) {
            names.push(word);
        }
        said.push(' ');
        said.push_str(&word.replace('’', "'").to_lowercase());
    }
    names
}

/// Whether a text in lower case ends with these words.
fn ends_with(text: &str, phrase: &str) -> bool {
    text.strip_suffix(phrase)
        .is_some_and(|rest| rest.ends_with(' '))
}

/// Whether a word is written as a name. One of capitals alone may be stressed, as in "REALLY".
fn is_capitalised(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
        && word.contains(|c: char| c.is_lowercase() || c.is_numeric())
}

/// The words, and whether each begins a sentence or a part of it.
fn words(text: &str) -> Vec<(bool, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '\'' | '’' | '_');
    let mut words = Vec::new();
    let mut is_first = true;
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (gap, from) = rest.split_at(start);
        is_first |= !gap.chars().all(is_inner);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        words.push((is_first, word));
        is_first = false;
        rest = after;
    }
    words
}

/// Whether a sign may stand within a sentence. A greeting ends with a comma: `Hello, How much …`.
const fn is_inner(c: char) -> bool {
    matches!(c, ' ' | '/' | '&' | '(' | '’' | '\u{a0}')
}

fn is_common(word: &str) -> bool {
    let lower = word.replace('’', "'").to_lowercase();
    COMMON.split_whitespace().any(|common| common == lower)
}

#[expect(clippy::cast_precision_loss, reason = "counts of words are small")]
fn share(part: usize, whole: usize) -> f32 {
    part as f32 / whole.max(1) as f32
}

#[cfg(test)]
mod tests {
    use crate::domain::answer::answerability::{Evidence, names_are_known};

    fn known(question: &str, text: &str) -> bool {
        let passage = Evidence {
            document: 1,
            title: "",
            heading: None,
            text,
            nearness: None,
        };
        names_are_known(question, &[passage])
    }

    #[test]
    fn what_is_said_about_another_thing_answers_nothing() {
        let passage = "Lake Michigan has a maximum depth of 281 metres. Measured in 2019.";
        assert!(known("How deep is Lake Michigan?", passage));
        assert!(!known("How deep is Lake Superior?", passage));
        assert!(!known("How deep was the lake in 2021?", passage));
        assert!(known("How deep was the lake in 2019?", passage));
        assert!(!known("¿Qué profundidad tiene el lago Titicaca?", passage));
        for question in [
            "I am Ana from Lisbon, how deep is Lake Superior?",
            "I'm a diver and want to know how deep Lake Superior is?",
            "As a diver: how deep is Lake Superior?",
        ] {
            assert!(!known(question, passage), "{question}");
        }
    }

    #[test]
    fn capitals_that_name_nothing_do_not_count() {
        let passage = "Between the sessions you can reach me by email.";
        for question in [
            "Hello! How can I reach you?",
            "Hi, What is the way to reach you? Thanks",
            "Can I reach you on Sundays?",
            "What are 3 tips?",
            "How Can I Reach The Best Coach",
            "Wie kann ich den Trainer am Abend erreichen?",
            "how deep is lake superior?",
            "Is it OK to email you, and is that REALLY free?",
            "My name is Ana Lopez from Lisbon. How can I reach you?",
            "I am Ana, how can I reach you?",
            "I am Tom from Leeds and I wonder: can I reach you?",
            "I'm a runner from Leeds, how can I reach you?",
            "As a mother in Porto I ask: can I reach you by email?",
            "Soy una madre de Sevilla, ¿cómo puedo escribirte?",
            "Hola, soy Marta. ¿Cómo puedo escribirte?",
            "Je m’appelle Chloé, comment vous joindre ?",
        ] {
            assert!(known(question, passage), "{question}");
        }
    }

    #[test]
    fn an_inflected_name_is_the_same_name() {
        let passage = "The Alexandrian library burnt more than once; Alexandria rebuilt it.";
        assert!(known(
            "Did the Library of Alexandria's fire matter?",
            passage
        ));
    }
}
