//! Whether a question asks for an amount, which its answer must then have.

use super::{lower, written_words};
use crate::domain::answer::function_words::is_function_word;
use crate::domain::answer::grounding::numbers::Numbers;
use crate::domain::answer::language::Language;

/// Questions that only a number answers. `How long` and `how often` are none: "every day".
const PHRASES: &str = "how much|how many|how old|how far|how big|how large|how tall|how high|\
    how fast|how deep|how wide|how heavy|how cold|how warm|how hot|cuánto|cuánta|cuántos|cuántas|\
    wie viel|wieviel|wie viele|wie alt|wie hoch|wie tief|wie groß|wie weit|wie schnell|wie teuer|\
    was kostet|combien|quanto|quanta|quanti|quante|quantos|quantas";
/// What a number tells, behind "what is the".
const NOUNS: &str = "age amount area budget capacity cost count depth distance dosage dose fee \
    height length number percentage population price rate ratio revenue salary size speed \
    temperature total wage weight width";
/// Words that tell an amount without a number.
const WORDS: &str = "free nothing none no gratis gratuito gratuita gratuitos gratuitas nada ningún \
    kostenlos kostenfrei umsonst nichts kein keine gratuit gratuite gratuits rien aucun aucune \
    grátis nenhum nenhuma gratuiti gratuite niente nessun nessuno included incluido incluida \
    inbegriffen inklusive inclus incluse incluído incluída incluso inclusa several unlimited";

/// Whether a word, in lower case, tells an amount.
pub(super) fn is_amount(word: &str) -> bool {
    WORDS.split_whitespace().any(|listed| listed == word)
}

/// The numbers of the question itself, if it asks for an amount.
pub(super) fn asked_for(question: &str, language: Language) -> Option<Numbers> {
    let words: Vec<String> = written_words(question).into_iter().map(lower).collect();
    let spaced = format!(" {} ", words.join(" "));
    let asks = PHRASES
        .split('|')
        .any(|phrase| spaced.contains(&format!(" {phrase} ")));
    // The digits of a code are no amount: the tool T0150 may weigh 150 grams.
    let is_code = |word: &&String| {
        word.contains(|c: char| c.is_ascii_digit()) && word.contains(char::is_alphabetic)
    };
    let plain: Vec<&str> = words
        .iter()
        .filter(|w| !is_code(w))
        .map(String::as_str)
        .collect();
    (asks || names_amount(&words, language)).then(|| Numbers::of(&plain.join(" "), language))
}

/// "What is the average price of …": whether a noun before the first preposition is an amount's.
fn names_amount(words: &[String], language: Language) -> bool {
    let is_linking =
        |word: &&String| matches!(word.as_str(), "is" | "are" | "was" | "were" | "the" | "s");
    let Some(what) = words.iter().position(|w| w == "what" || w == "which") else {
        return false;
    };
    language == Language::English
        && words[what + 1..]
            .iter()
            .skip_while(is_linking)
            .take_while(|word| !is_function_word(word, language))
            .any(|word| NOUNS.split_whitespace().any(|noun| noun == word))
}
