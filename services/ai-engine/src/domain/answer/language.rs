//! Detects the language of a question, so that the platform replies in it.

use whatlang::Lang;

use super::function_words;
use crate::domain::tokenizer;

/// A shorter text has too few letters for trigrams, and is judged by its function words.
const MIN_DETECTABLE: usize = 60;

/// A language that canned replies exist in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Language {
    /// English, also for a language that is not recognised.
    English,
    Spanish,
    German,
    French,
    Portuguese,
    Italian,
    Chinese,
    Japanese,
    Korean,
    Arabic,
    Russian,
}

impl Language {
    /// The language of a text.
    pub(crate) fn detect(text: &str) -> Self {
        by_script(text)
            .or_else(|| by_function_words(text))
            .or_else(|| by_trigrams(text))
            .unwrap_or(Self::English)
    }
}

/// The language of most letters, if its script has one language here.
fn by_script(text: &str) -> Option<Language> {
    let [
        mut letters,
        mut han,
        mut kana,
        mut hangul,
        mut arabic,
        mut cyrillic,
    ] = [0_usize; 6];
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        letters += 1;
        match c {
            '\u{3040}'..='\u{30ff}' => kana += 1,
            '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => han += 1,
            '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7af}' => hangul += 1,
            '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => arabic += 1,
            '\u{400}'..='\u{52f}' => cyrillic += 1,
            _ => {}
        }
    }
    // One character of these scripts is a syllable or a word, so a third of the letters is most of
    // the text: names in Latin letters are long.
    if (han + kana + hangul) * 3 >= letters.max(1) {
        return Some(match (kana > 0, hangul > han) {
            (true, _) => Language::Japanese,
            (false, true) => Language::Korean,
            (false, false) => Language::Chinese,
        });
    }
    if arabic * 2 > letters {
        return Some(Language::Arabic);
    }
    (cyrillic * 2 > letters).then_some(Language::Russian)
}

/// The language with most function words and signs of its own; none if two have as many.
fn by_function_words(text: &str) -> Option<Language> {
    let words = tokenizer::words(text);
    let mut counts = function_words::counts(&words);
    for (language, count) in &mut counts {
        // A sign of its own tells more than a word, since short words are shared.
        *count = *count * 2 + 3 * signs(*language, text);
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let [(language, most), (_, next), ..] = counts;
    (most > next).then_some(language)
}

/// Whether the text has letters or signs that only this one of the six languages writes.
fn signs(language: Language, text: &str) -> usize {
    let own: &[char] = match language {
        Language::Spanish => &['¿', '¡', 'ñ'],
        Language::German => &['ß', 'ä', 'ö', 'ü'],
        Language::French => &['œ', 'ê', 'û', 'î', 'ë'],
        Language::Portuguese => &['ã', 'õ'],
        Language::Italian => &['ì', 'ò'],
        _ => &[],
    };
    usize::from(text.to_lowercase().contains(own))
}

fn by_trigrams(text: &str) -> Option<Language> {
    if text.chars().take(MIN_DETECTABLE).count() < MIN_DETECTABLE {
        return None;
    }
    match whatlang::detect_lang(text)? {
        Lang::Spa => Some(Language::Spanish),
        Lang::Deu => Some(Language::German),
        Lang::Fra => Some(Language::French),
        Lang::Por => Some(Language::Portuguese),
        Lang::Ita => Some(Language::Italian),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, *};

    #[test]
    fn the_language_of_a_short_question_is_detected() {
        for (text, language) in [
            ("How much is a session?", English),
            ("Is there soy in it?", English),
            ("my son has hay fever", English),
            ("zzz", English),
            ("Refunds?", English),
            ("¿Cuánto cuesta una sesión?", Spanish),
            ("como puedo dormir mejor", Spanish),
            ("Y para los niños?", Spanish),
            ("Was kostet die Mitgliedschaft?", German),
            ("Wie lange vor dem Schlafen?", German),
            ("Gibt es Parkplätze?", German),
            ("Combien coûte une séance ?", French),
            ("Où est le parking ?", French),
            ("Quelle est la capitale de la France ?", French),
            ("Quanto custa uma sessão?", Portuguese),
            ("Como posso dormir melhor?", Portuguese),
            ("Quanto costa una sessione?", Italian),
            ("Dove si trova il parcheggio?", Italian),
            ("睡前多久不能喝咖啡？", Chinese),
            ("セッションはいくらですか？", Japanese),
            ("환불은 어떻게 받나요?", Korean),
            ("كم تكلفة الجلسة؟", Arabic),
            ("Сколько стоит занятие?", Russian),
        ] {
            assert_eq!(Language::detect(text), language, "{text}");
        }
    }
}
