//! What a question asks for: a reason, a time, a price. Questions with the same words and another
//! question word are others: "Can I cancel?" is not answered by the reasons why one cannot.

use std::ops::Range;

use crate::domain::answer::language::Language;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Reason,
    Time,
    Place,
    Person,
    Duration,
    Number,
    Frequency,
    Price,
    Way,
    Thing,
    YesOrNo,
    /// No question: a few words, as they are typed into a search.
    Words,
}

use Kind::{Duration, Frequency, Number, Person, Place, Price, Reason, Thing, Time, Way};

type Words = &'static [(&'static str, Kind)];

const ENGLISH: Words = &[
    ("how come", Reason),
    ("why", Reason),
    ("what time", Time),
    ("what day", Time),
    ("what date", Time),
    ("which day", Time),
    ("when", Time),
    ("where", Place),
    ("who", Person),
    ("whom", Person),
    ("how long", Duration),
    ("how many", Number),
    ("how often", Frequency),
    ("how much", Price),
    ("how expensive", Price),
    ("how", Way),
    ("what", Thing),
    ("which", Thing),
];
const SPANISH: Words = &[
    ("por que", Reason),
    ("a que hora", Time),
    ("que dia", Time),
    ("en que fecha", Time),
    ("que fecha", Time),
    ("cuando", Time),
    ("donde", Place),
    ("quien", Person),
    ("quienes", Person),
    ("cuanto tiempo", Duration),
    ("cuanto dura", Duration),
    ("cuanto tarda", Duration),
    ("cada cuanto", Frequency),
    ("cuantos", Number),
    ("cuantas", Number),
    ("cuanto", Price),
    ("como", Way),
    ("que", Thing),
    ("cual", Thing),
    ("cuales", Thing),
];
const GERMAN: Words = &[
    ("warum", Reason),
    ("wieso", Reason),
    ("weshalb", Reason),
    ("um wie viel uhr", Time),
    ("wann", Time),
    ("wo", Place),
    ("wohin", Place),
    ("wer", Person),
    ("wie lange", Duration),
    ("wie viele", Number),
    ("wie oft", Frequency),
    ("wie viel", Price),
    ("wieviel", Price),
    ("wie teuer", Price),
    ("wie", Way),
    ("was", Thing),
    ("welche", Thing),
    ("welcher", Thing),
    ("welches", Thing),
    ("welchen", Thing),
];
const FRENCH: Words = &[
    ("pourquoi", Reason),
    ("quelle heure", Time),
    ("a quelle heure", Time),
    ("quel jour", Time),
    ("quelle date", Time),
    ("quand", Time),
    ("où", Place),
    ("qui", Person),
    ("combien de temps", Duration),
    ("combien de fois", Frequency),
    ("combien de", Number),
    ("combien", Price),
    ("comment", Way),
    ("qu est ce", Thing),
    ("quoi", Thing),
    ("quel", Thing),
    ("quelle", Thing),
    ("quels", Thing),
    ("quelles", Thing),
];
const PORTUGUESE: Words = &[
    ("por que", Reason),
    ("porque", Reason),
    ("a que horas", Time),
    ("que horas", Time),
    ("que dia", Time),
    ("em que data", Time),
    ("que data", Time),
    ("quando", Time),
    ("onde", Place),
    ("quem", Person),
    ("quanto tempo", Duration),
    ("quanto dura", Duration),
    ("quantos", Number),
    ("quantas", Number),
    ("quanto", Price),
    ("como", Way),
    ("o que", Thing),
    ("que", Thing),
    ("qual", Thing),
    ("quais", Thing),
];
const ITALIAN: Words = &[
    ("perche", Reason),
    ("a che ora", Time),
    ("che giorno", Time),
    ("in che data", Time),
    ("che data", Time),
    ("quando", Time),
    ("dove", Place),
    ("dov", Place),
    ("chi", Person),
    ("quanto tempo", Duration),
    ("quanto dura", Duration),
    ("quanto durano", Duration),
    ("ogni quanto", Frequency),
    ("quanti", Number),
    ("quante", Number),
    ("quanto", Price),
    ("come", Way),
    ("cosa", Thing),
    ("cos", Thing),
    ("che", Thing),
    ("qual", Thing),
    ("quale", Thing),
    ("quali", Thing),
];
/// Question words that also join clauses: they ask only if nothing was said before.
const JOINING: [&str; 8] = [
    "que", "che", "como", "qui", "quando", "cuando", "when", "come",
];
/// Longest question word, in words.
const LONGEST: usize = 4;

/// A question word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asking {
    pub(super) kind: Kind,
    /// The places of its words.
    pub(super) places: Range<usize>,
}

/// What the first question word asks for. The words are without accents, but for `où`.
/// `says_nothing`: whether a word has no meaning of its own.
pub(super) fn of_words(
    words: &[String],
    language: Language,
    is_question: bool,
    says_nothing: impl Fn(&String) -> bool,
) -> Asking {
    let listed: Words = match language {
        Language::English => ENGLISH,
        Language::Spanish => SPANISH,
        Language::German => GERMAN,
        Language::French => FRENCH,
        Language::Portuguese => PORTUGUESE,
        Language::Italian => ITALIAN,
        _ => &[],
    };
    for place in 0..words.len() {
        for length in (1..=LONGEST.min(words.len() - place)).rev() {
            let phrase = words[place..place + length].join(" ");
            let is_joining =
                JOINING.contains(&phrase.as_str()) && !words[..place].iter().all(&says_nothing);
            let found = listed.iter().find(|(word, _)| *word == phrase);
            if let Some((_, kind)) = found.filter(|_| !is_joining) {
                return Asking {
                    kind: *kind,
                    places: place..place + length,
                };
            }
        }
    }
    Asking {
        kind: if is_question {
            Kind::YesOrNo
        } else {
            Kind::Words
        },
        places: 0..0,
    }
}

impl Kind {
    /// Whether the answer to one is that to the other.
    pub(super) fn fits(self, other: Self) -> bool {
        self == other
            || (self == Self::Words && other != Self::Reason)
            || (other == Self::Words && self != Self::Reason)
    }
}
