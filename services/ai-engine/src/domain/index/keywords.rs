//! Extracts the keywords of a question for the word search, and detects its language.

use std::collections::HashSet;

use crate::domain::tokenizer;

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

fn spanish_signs(text: &str) -> usize {
    usize::from(text.contains(['¿', '¡', 'ñ']))
}

fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|stop_word| stop_word == word)
}

fn count(words: &[String], list: &str) -> usize {
    words.iter().filter(|word| is_in(list, word)).count()
}

/// The stop words of a question. A stop word of one language is a word of another (`soy`, `son`,
/// `hay`), so one that stands alone does not decide.
fn stop_words(text: &str, words: &[String]) -> Vec<&'static str> {
    let english = count(words, ENGLISH_STOP_WORDS);
    let spanish = count(words, SPANISH_STOP_WORDS) + spanish_signs(text);
    if english >= spanish && english > 1 {
        vec![ENGLISH_STOP_WORDS]
    } else if spanish > english && spanish > 1 {
        vec![SPANISH_STOP_WORDS]
    } else {
        Vec::new()
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
    /// Extracts the keywords, each once and in order. A question of nothing but stop words keeps
    /// them all.
    pub(crate) fn from_text(text: &str) -> Self {
        // Where words are not separated, each pair of characters is one.
        let words = tokenizer::words(text).into_iter();
        let all: Vec<String> = words
            .flat_map(|word| tokenizer::pairs(&word).unwrap_or_else(|| vec![word]))
            .collect();
        let stop_words = stop_words(text, &all);
        let is_stop_word = |word: &String| stop_words.iter().any(|list| is_in(list, word));
        let mut only_keywords = true;
        let mut seen = HashSet::new();
        let mut keywords = Vec::new();
        for word in &all {
            if is_stop_word(word) {
                only_keywords = false;
            } else if keywords.len() < MAX_KEYWORDS && seen.insert(word) {
                keywords.push(word.clone());
            }
        }
        if keywords.is_empty() {
            only_keywords = true;
            keywords = all;
            keywords.truncate(MAX_KEYWORDS);
        }
        Self {
            words: keywords,
            only_keywords,
        }
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether the text consists of nothing else, as a search for a word or a name does.
    pub(crate) const fn are_all(&self) -> bool {
        self.only_keywords
    }

    /// Whether a passage with all keywords is relevant even if its vector is dissimilar: with two
    /// or more keywords, or with a single one that is the whole query.
    pub(crate) const fn is_specific(&self) -> bool {
        self.words.len() >= 2 || (self.only_keywords && self.words.len() == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_removed_and_every_keyword_is_kept_once() {
        let keywords = Keywords::from_text("How do I calm down before a meeting, a MEETING?");
        assert_eq!(keywords.words(), ["calm", "down", "meeting"]);
    }

    #[test]
    fn a_stop_word_of_another_language_is_a_keyword() {
        for (text, keyword) in [
            ("soy", "soy"),
            ("hay fever", "hay"),
            ("my son", "son"),
            ("Is there soy in it?", "soy"),
            ("what is the ?!", "what"),
        ] {
            let keywords = Keywords::from_text(text);
            assert!(
                keywords.words().iter().any(|word| word == keyword),
                "{text}"
            );
        }
        assert_eq!(Keywords::from_text("?!").words(), [""; 0]);
    }

    #[test]
    fn one_keyword_is_specific_only_if_it_is_the_whole_query() {
        assert!(!Keywords::from_text("what time is it").is_specific());
        assert!(Keywords::from_text("skyr").is_specific());
        assert!(Keywords::from_text("box breathing").is_specific());
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
