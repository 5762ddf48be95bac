//! Detects messages of people in danger: these get the contacts of people who can help.

use crate::domain::tokenizer::{without_accents, words};

/// Phrases in English and Spanish, in lower case without accents and signs.
///
/// All are about the speaker's own danger, so that questions about the topic are answered normally.
/// A list misses some messages; for these the prompt also tells the model what to do in an
/// emergency.
const PHRASES: [&str; 44] = [
    "kill myself",
    "killing myself",
    "end my life",
    "ending my life",
    "take my own life",
    "want to die",
    "wanna die",
    "wish i was dead",
    "wish i were dead",
    "better off dead",
    "no reason to live",
    "do not want to live",
    "don t want to live",
    "dont want to live",
    "i am suicidal",
    "i m suicidal",
    "im suicidal",
    "feel suicidal",
    "feeling suicidal",
    "suicidal thoughts",
    "commit suicide",
    "committing suicide",
    "hurt myself",
    "hurting myself",
    "harm myself",
    "harming myself",
    "cut myself",
    "cutting myself",
    "overdosed",
    "having a heart attack",
    "chest pain",
    "i cannot breathe",
    "i can t breathe",
    "i cant breathe",
    "suicidarme",
    "quitarme la vida",
    "quiero morir",
    "me quiero morir",
    "quiero matarme",
    "no quiero vivir",
    "hacerme dano",
    "autolesionarme",
    "infarto ahora",
    "no puedo respirar",
];

/// Whether the author of the text seems to be in danger.
pub(crate) fn is_crisis(text: &str) -> bool {
    let plain = format!(" {} ", fold(text));
    PHRASES
        .iter()
        .any(|phrase| plain.contains(&format!(" {phrase} ")))
}

fn fold(text: &str) -> String {
    let plain = |word: String| without_accents(&word).unwrap_or(word);
    let words: Vec<String> = words(text).into_iter().map(plain).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::is_crisis;

    #[test]
    fn a_crisis_is_detected_in_both_languages() {
        for text in [
            "I want to KILL MYSELF.",
            "i can't breathe, please help",
            "Honestly I'd be better off dead",
            "No quiero vivir más",
            "pienso en hacerme daño",
            "pienso en hacerme dan\u{303}o",
            "I want to ki\u{ad}ll my\u{200b}self",
        ] {
            assert!(is_crisis(text), "{text}");
        }
    }

    #[test]
    fn ordinary_questions_are_no_crisis() {
        for text in [
            "How do I breathe when I am stressed?",
            "This deadline is killing me",
            "What does the box breathing skill do for myself?",
            "¿Cómo puedo respirar mejor?",
            "I want to diet",
        ] {
            assert!(!is_crisis(text), "{text}");
        }
    }
}
