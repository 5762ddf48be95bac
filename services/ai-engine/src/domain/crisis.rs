//! Recognises words of a health crisis: then a person is needed, not a model.

use crate::domain::terms::words;

/// Phrases in English and Spanish, in lower case without accents and signs.
///
/// Deliberately about the speaker's own danger, so that a question about a topic passes. A list
/// cannot understand; what it misses is why the prompt names emergencies too.
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

/// Whether the text sounds like a person in danger.
pub fn detected(text: &str) -> bool {
    let plain = format!(" {} ", folded(text));
    PHRASES
        .iter()
        .any(|phrase| plain.contains(&format!(" {phrase} ")))
}

fn folded(text: &str) -> String {
    let folded: Vec<String> = words(text)
        .map(|word| word.chars().map(without_accent).collect())
        .collect();
    folded.join(" ")
}

const fn without_accent(letter: char) -> char {
    match letter {
        'á' | 'à' => 'a',
        'é' | 'è' => 'e',
        'í' | 'ì' => 'i',
        'ó' | 'ò' => 'o',
        'ú' | 'ù' | 'ü' => 'u',
        'ñ' => 'n',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::detected;

    #[test]
    fn words_of_danger_are_recognised_in_both_languages() {
        for text in [
            "I want to KILL MYSELF.",
            "i can't breathe, please help",
            "Honestly I'd be better off dead",
            "No quiero vivir más",
            "pienso en hacerme daño",
        ] {
            assert!(detected(text), "{text}");
        }
    }

    #[test]
    fn ordinary_questions_pass() {
        for text in [
            "How do I breathe when I am stressed?",
            "This deadline is killing me",
            "What does the box breathing skill do for myself?",
            "¿Cómo puedo respirar mejor?",
            "I want to diet",
        ] {
            assert!(!detected(text), "{text}");
        }
    }
}
