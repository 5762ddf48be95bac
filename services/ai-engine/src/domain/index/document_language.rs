//! The language of a document, as far as its text tells.

use whatlang::Lang;

use super::chunking::Passage;

/// In a shorter text, a language is guessed wrong too often.
const MIN_CHARACTERS: usize = 200;
/// Detection reads no more of a text, bytes.
const MAX_SAMPLE: usize = 20_000;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DocumentLanguage(Lang);

impl DocumentLanguage {
    /// Detected from the first passages; none if they are too short or the text is ambiguous.
    pub(crate) fn detect<'a>(passages: impl IntoIterator<Item = &'a Passage>) -> Option<Self> {
        let mut sample = String::new();
        for passage in passages {
            if sample.len() >= MAX_SAMPLE {
                break;
            }
            sample.push_str(&passage.text);
            sample.push('\n');
        }
        if sample.chars().take(MIN_CHARACTERS).count() < MIN_CHARACTERS {
            return None;
        }
        let detected = whatlang::detect(&sample).filter(whatlang::Info::is_reliable);
        detected.map(|found| Self(found.lang()))
    }

    /// The language with that code (ISO 639-3).
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Lang::from_code(code).map(Self)
    }

    /// ISO 639-3.
    pub(crate) fn code(self) -> &'static str {
        self.0.code()
    }

    /// The English name.
    pub(crate) fn name(self) -> &'static str {
        self.0.eng_name()
    }

    /// The code of the pairs that a model is calibrated with (ISO 639-1), if there are any.
    pub(super) const fn calibrated_code(self) -> Option<&'static str> {
        match self.0 {
            Lang::Eng => Some("en"),
            Lang::Deu => Some("de"),
            Lang::Spa => Some("es"),
            Lang::Fra => Some("fr"),
            Lang::Jpn => Some("ja"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(text: &str) -> Passage {
        Passage {
            ordinal: 0,
            heading: None,
            text: text.to_owned(),
            position: None,
        }
    }

    #[test]
    fn a_language_is_told_by_a_text_that_is_long_enough() {
        let german = "Wer regelmäßig schläft, lernt leichter und wird seltener krank. Der Körper \
            braucht jede Nacht sieben bis neun Stunden. Ein kurzer Mittagsschlaf von zwanzig \
            Minuten erfrischt, ohne dass man danach benommen ist.";
        let detected = DocumentLanguage::detect([&passage(german)]).unwrap();
        assert_eq!((detected.code(), detected.name()), ("deu", "German"));
        assert_eq!(DocumentLanguage::from_code("deu"), Some(detected));
        let short: String = german.chars().take(60).collect();
        assert_eq!(DocumentLanguage::detect([&passage(&short)]), None);
        // Passages count together.
        let halves = german.split_at(german.floor_char_boundary(150));
        let halves = [passage(halves.0), passage(halves.1)];
        assert_eq!(DocumentLanguage::detect(&halves), Some(detected));
        assert_eq!(DocumentLanguage::from_code("xyz"), None);
    }

    #[test]
    fn every_language_of_the_calibration_has_its_code() {
        let codes = ["eng", "deu", "spa", "fra", "jpn"];
        let known = codes.map(|code| DocumentLanguage::from_code(code)?.calibrated_code());
        let mut known: Vec<_> = known.into_iter().flatten().collect();
        known.sort_unstable();
        let pairs = crate::domain::index::calibration::pairs();
        assert_eq!(known, pairs.keys().collect::<Vec<_>>());
    }
}
