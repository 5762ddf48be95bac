//! Detects messages of people in danger: these get the contacts of people who can help.

use crate::domain::tokenizer::{without_accents, words};

/// Phrases in six languages, in lower case without accents and signs.
///
/// All are about the speaker's own danger, so that questions about the topic are answered normally.
/// A list misses some messages; for these the prompt also tells the model what to do in an
/// emergency.
const PHRASES: [&str; 91] = [
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
    "quiero suicidarme",
    "acabar con mi vida",
    "ganas de morir",
    "ya no quiero vivir",
    "mich umbringen",
    "mir das leben nehmen",
    "will sterben",
    "mochte sterben",
    "nicht mehr leben",
    "mich selbst verletzen",
    "selbstmord begehen",
    "suizidgedanken",
    "selbstmordgedanken",
    "habe einen herzinfarkt",
    "bekomme keine luft",
    "me suicider",
    "veux me tuer",
    "veux mourir",
    "envie de mourir",
    "mettre fin a mes jours",
    "en finir avec la vie",
    "plus envie de vivre",
    "veux plus vivre",
    "me faire du mal",
    "pensees suicidaires",
    "n arrive plus a respirer",
    "quero me matar",
    "quero morrer",
    "tirar a minha vida",
    "tirar minha vida",
    "acabar com a minha vida",
    "acabar com minha vida",
    "nao quero mais viver",
    "nao quero viver",
    "vontade de morrer",
    "quero me machucar",
    "nao consigo respirar",
    "uccidermi",
    "ammazzarmi",
    "suicidarmi",
    "voglio morire",
    "togliermi la vita",
    "voglio farla finita",
    "non voglio piu vivere",
    "non voglio vivere",
    "farmi del male",
    "non riesco a respirare",
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
    fn a_crisis_is_detected_in_every_language() {
        for text in [
            "I want to KILL MYSELF.",
            "i can't breathe, please help",
            "Honestly I'd be better off dead",
            "No quiero vivir más",
            "pienso en hacerme daño",
            "pienso en hacerme dan\u{303}o",
            "Ich will mich umbringen",
            "ich möchte sterben",
            "J'ai envie de mourir",
            "je veux me suicider",
            "Não quero mais viver",
            "quero morrer",
            "Voglio farla finita",
            "non voglio più vivere",
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
            "Was mache ich bei Stress mit dem Herz?",
            "Comment mieux respirer ?",
            "Come posso respirare meglio?",
        ] {
            assert!(!is_crisis(text), "{text}");
        }
    }
}
