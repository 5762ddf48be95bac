//! The words of a question that carry meaning, for full text; and the language they are in.

use std::collections::HashSet;

/// Most words that are looked for.
const MAX_TERMS: usize = 32;

/// Words that every question has, in English and Spanish.
const ENGLISH: &str = "a about after all am an and any are as at be been before but by can could \
    did do does for from get give had has have he hello help her hi him his how i if in into is it \
    its just know let like make me more most much my need no not of on one or our out please \
    recommend s say she should so some t tell than thank thanks that the their them then there \
    these they this those to too up us use very want was we were what when where which who whom \
    whose why will with would you your";
const SPANISH: &str = "a al algo ante antes así aunque como cómo con cual cuál cuales cuando \
    cuándo cuanto cuánto cuanta cuánta de del desde donde dónde el él ella ellas ellos en entre \
    era eres es esa ese eso esta está están este esto estoy fue gracias ha hacer hago han hasta \
    hay hola la las le les lo los más me mi mis mucho muy nada ni no nos o otra otro para pero \
    poco por porque puede puedo que qué quien quién se ser si sí sin sobre son soy su sus también \
    te tengo tiene todo tu tus un una unas uno unos y ya yo";

/// A language that the platform has words of its own in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English, and whatever is not recognised.
    English,
    /// Spanish.
    Spanish,
}

/// The language of a question: whose small words it has more of.
pub fn language(text: &str) -> Language {
    let count = |list: &str| {
        words(text)
            .filter(|word| list.split(' ').any(|small| small == word))
            .count()
    };
    let marked = text.contains(['¿', '¡', 'ñ']);
    if count(SPANISH) + usize::from(marked) > count(ENGLISH) {
        Language::Spanish
    } else {
        Language::English
    }
}

/// What is looked for word by word.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    words: Vec<String>,
    bare: bool,
}

impl Terms {
    /// The words of a question that carry meaning, each once.
    pub fn of(text: &str) -> Self {
        let small: HashSet<&str> = ENGLISH.split(' ').chain(SPANISH.split(' ')).collect();
        let (mut seen, mut kept, mut bare) = (HashSet::new(), Vec::new(), true);
        for word in words(text) {
            if small.contains(word.as_str()) {
                bare = false;
            } else if kept.len() < MAX_TERMS && seen.insert(word.clone()) {
                kept.push(word);
            }
        }
        Self { words: kept, bare }
    }

    /// The words.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// PostgreSQL's query for passages with any of them; letters and digits need no quoting.
    pub fn any(&self) -> Option<String> {
        (!self.words.is_empty()).then(|| self.words.join(" | "))
    }

    /// PostgreSQL's query for passages with all of them.
    pub fn all(&self) -> String {
        self.words.join(" & ")
    }

    /// Whether a passage that has all of them is meant even when its meaning seems far: two words
    /// or more, or a search that consists of nothing else, as for a name or a number.
    pub const fn telling(&self) -> bool {
        self.words.len() >= 2 || (self.bare && self.words.len() == 1)
    }
}

/// The words of a text in lower case; anything but letters and digits separates.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_words_are_left_out_and_the_rest_is_kept_once() {
        let terms = Terms::of("How do I calm down before a meeting, a MEETING?");
        assert_eq!(terms.words(), ["calm", "down", "meeting"]);
        assert_eq!(terms.any().as_deref(), Some("calm | down | meeting"));
        assert_eq!(terms.all(), "calm & down & meeting");
    }

    #[test]
    fn nothing_that_reaches_the_database_needs_quoting() {
        let terms = Terms::of("o'clock & (drop | table) !x :* <-> \\ 'y'");
        let clean = |word: &String| word.chars().all(char::is_alphanumeric);
        assert!(terms.words().iter().all(clean));
        assert_eq!(Terms::of("what is the ?!").any(), None);
    }

    #[test]
    fn one_word_of_a_question_tells_little_and_a_bare_word_tells_enough() {
        assert!(!Terms::of("what time is it").telling());
        assert!(Terms::of("skyr").telling());
        assert!(Terms::of("box breathing").telling());
        assert!(!Terms::of("what is the").telling());
    }

    #[test]
    fn the_language_follows_the_small_words() {
        assert_eq!(language("¿Cuánto cuesta una sesión?"), Language::Spanish);
        assert_eq!(language("como puedo dormir mejor"), Language::Spanish);
        assert_eq!(language("How much is a session?"), Language::English);
        assert_eq!(language("zzz"), Language::English);
    }

    #[test]
    fn a_flood_of_words_is_bounded() {
        let text: Vec<String> = (0..4000).map(|n| format!("w{n}")).collect();
        assert_eq!(Terms::of(&text.join(" ")).words().len(), MAX_TERMS);
    }
}
