//! Extracts the keywords of a question for full-text search, and detects its language.

use std::collections::HashSet;

/// Further keywords are ignored.
const MAX_KEYWORDS: usize = 32;

/// Words too common to search for (stop words).
const ENGLISH_STOP_WORDS: &str = "\
    a about after all am an and any are as at be been before but by can could did do does for \
    from get give had has have he hello help her hi him his how i if in into is it its just \
    know let like make me more most much my need no not of on one or our out please recommend \
    s say she should so some t tell than thank thanks that the their them then there these \
    they this those to too up us use very want was we were what when where which who whom \
    whose why will with would you your";
const SPANISH_STOP_WORDS: &str = "\
    a al algo ante antes así aunque como cómo con cual cuál cuales cuando cuándo cuanto cuánto \
    cuanta cuánta de del desde donde dónde el él ella ellas ellos en entre era eres es esa ese \
    eso esta está están este esto estoy fue gracias ha hacer hago han hasta hay hola la las le \
    les lo los más me mi mis mucho muy nada ni no nos o otra otro para pero poco por porque \
    puede puedo que qué quien quién se ser si sí sin sobre son soy su sus también te tengo \
    tiene todo tu tus un una unas uno unos y ya yo";

/// A language that canned replies exist in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// English, also for a language that is not recognised.
    English,
    Spanish,
}

/// Detects the language of a question by the stop words that it contains.
pub(crate) fn detect_language(text: &str) -> Language {
    let count = |list: &str| {
        words(text)
            .filter(|word| list.split(' ').any(|stop_word| stop_word == word))
            .count()
    };
    let has_spanish_signs = text.contains(['¿', '¡', 'ñ']);
    if count(SPANISH_STOP_WORDS) + usize::from(has_spanish_signs) > count(ENGLISH_STOP_WORDS) {
        Language::Spanish
    } else {
        Language::English
    }
}

/// The keywords of a question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Keywords {
    words: Vec<String>,
    /// Whether the text consists of keywords only, as a search for a name or a number does.
    only_keywords: bool,
}

impl Keywords {
    /// Extracts the keywords, each once and in order.
    pub(crate) fn from_text(text: &str) -> Self {
        let stop_words: HashSet<&str> = ENGLISH_STOP_WORDS
            .split(' ')
            .chain(SPANISH_STOP_WORDS.split(' '))
            .collect();
        let mut seen = HashSet::new();
        let mut keywords = Vec::new();
        let mut only_keywords = true;
        for word in words(text) {
            if stop_words.contains(word.as_str()) {
                only_keywords = false;
            } else if keywords.len() < MAX_KEYWORDS && seen.insert(word.clone()) {
                keywords.push(word);
            }
        }
        Self {
            words: keywords,
            only_keywords,
        }
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// The `tsquery` for passages with any keyword. Keywords consist of letters and digits, so they
    /// need no quoting.
    pub(crate) fn any_query(&self) -> Option<String> {
        (!self.words.is_empty()).then(|| self.words.join(" | "))
    }

    /// The `tsquery` for passages with all keywords.
    pub(crate) fn all_query(&self) -> String {
        self.words.join(" & ")
    }

    /// Whether a passage with all keywords is relevant even if its vector is dissimilar: with two
    /// or more keywords, or with a single one that is the whole query.
    pub(crate) const fn is_specific(&self) -> bool {
        self.words.len() >= 2 || (self.only_keywords && self.words.len() == 1)
    }
}

/// The words of a text in lower case, separated by anything but letters and digits.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_removed_and_every_keyword_is_kept_once() {
        let keywords = Keywords::from_text("How do I calm down before a meeting, a MEETING?");
        assert_eq!(keywords.words(), ["calm", "down", "meeting"]);
        assert_eq!(
            keywords.any_query().as_deref(),
            Some("calm | down | meeting")
        );
        assert_eq!(keywords.all_query(), "calm & down & meeting");
    }

    #[test]
    fn keywords_need_no_quoting_in_a_query() {
        let keywords = Keywords::from_text("o'clock & (drop | table) !x :* <-> \\ 'y'");
        let clean = |word: &String| word.chars().all(char::is_alphanumeric);
        assert!(keywords.words().iter().all(clean));
        assert_eq!(Keywords::from_text("what is the ?!").any_query(), None);
    }

    #[test]
    fn one_keyword_is_specific_only_if_it_is_the_whole_query() {
        assert!(!Keywords::from_text("what time is it").is_specific());
        assert!(Keywords::from_text("skyr").is_specific());
        assert!(Keywords::from_text("box breathing").is_specific());
        assert!(!Keywords::from_text("what is the").is_specific());
    }

    #[test]
    fn the_language_is_detected_by_its_stop_words() {
        assert_eq!(
            detect_language("¿Cuánto cuesta una sesión?"),
            Language::Spanish
        );
        assert_eq!(
            detect_language("como puedo dormir mejor"),
            Language::Spanish
        );
        assert_eq!(detect_language("How much is a session?"), Language::English);
        assert_eq!(detect_language("zzz"), Language::English);
    }

    #[test]
    fn the_number_of_keywords_is_bounded() {
        let text: Vec<String> = (0..4000).map(|n| format!("w{n}")).collect();
        assert_eq!(
            Keywords::from_text(&text.join(" ")).words().len(),
            MAX_KEYWORDS
        );
    }
}
