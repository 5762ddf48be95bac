//! Finds out from which similarity on an embedding model means that a passage is relevant.
//!
//! Each model has a scale of its own: what is close for one is far for another. So the threshold is
//! measured with the model that is there, on pairs of a question and the passage that answers it
//! (`calibration/pairs.json`, written for this purpose; none of them is in the judged data).

use std::collections::BTreeMap;

use super::document_language::DocumentLanguage;

/// The pairs, by language (ISO 639-1).
const PAIRS: &str = include_str!("calibration/pairs.json");
/// Of two passages, one that answers a question and one that does not, the model must find the
/// right one nearer so often. Below it, the model does not understand the language.
const MIN_SEPARATION: f32 = 0.9;
/// The share of the pairs that may be below the threshold.
const ALLOWED_MISSES: f32 = 0.05;
/// The share of the unrelated passages that may be above the threshold.
const ALLOWED_FALSE_ALARMS: f32 = 0.02;

/// What a model's similarities mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    threshold: f32,
    separations: BTreeMap<String, f32>,
}

/// Questions and the passages that answer them, by language.
pub(crate) type Pairs = BTreeMap<String, Vec<(String, String)>>;

/// The vectors of the pairs of one language.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PairVectors {
    pub(crate) language: String,
    pub(crate) questions: Vec<Vec<f32>>,
    pub(crate) passages: Vec<Vec<f32>>,
}

/// Similarities of questions to the passages that answer them, and to all others.
#[derive(Debug, Default)]
struct Similarities {
    related: Vec<f32>,
    unrelated: Vec<f32>,
}

/// The questions and passages that a model is calibrated with.
pub(crate) fn pairs() -> Pairs {
    serde_json::from_str(PAIRS).unwrap_or_default()
}

impl Calibration {
    /// `None` if the model understands none of the languages: then its similarities say nothing.
    pub(crate) fn from_vectors(pairs: &[PairVectors]) -> Option<Self> {
        let mut understood = Similarities::default();
        let mut separations = BTreeMap::new();
        for language in pairs {
            let similarities = Similarities::of(language);
            let separation = similarities.separation();
            separations.insert(language.language.clone(), separation);
            if separation >= MIN_SEPARATION {
                understood.related.extend(similarities.related);
                understood.unrelated.extend(similarities.unrelated);
            }
        }
        let threshold = understood.threshold()?;
        Some(Self {
            threshold,
            separations,
        })
    }

    /// The cosine similarity from which a passage is relevant to a question.
    pub(crate) const fn threshold(&self) -> f32 {
        self.threshold
    }

    /// A similarity as a share of what is possible above the threshold, so that those of different
    /// models can be compared.
    pub(crate) fn nearness(&self, similarity: f32) -> f32 {
        (similarity - self.threshold) / (1.0 - self.threshold)
    }

    /// The similarity of that nearness.
    pub(crate) fn similarity_at(&self, nearness: f32) -> f32 {
        nearness.mul_add(1.0 - self.threshold, self.threshold)
    }

    /// Whether the model understands a language. One that was not tried is taken for understood if
    /// all that were tried are: then the model was made for many languages.
    pub(crate) fn understands(&self, language: DocumentLanguage) -> bool {
        let separation = language
            .calibrated_code()
            .and_then(|code| self.separations.get(code));
        match separation {
            Some(separation) => *separation >= MIN_SEPARATION,
            None => self
                .separations
                .values()
                .all(|separation| *separation >= MIN_SEPARATION),
        }
    }

    /// The languages that the model understands, of those that were tried.
    pub(crate) fn languages(&self) -> impl Iterator<Item = &str> {
        let tried = self.separations.iter();
        tried
            .filter(|(_, separation)| **separation >= MIN_SEPARATION)
            .map(|(language, _)| language.as_str())
    }
}

impl Similarities {
    fn of(pairs: &PairVectors) -> Self {
        let mut similarities = Self::default();
        for (number, question) in pairs.questions.iter().enumerate() {
            for (other, passage) in pairs.passages.iter().enumerate() {
                let values = if number == other {
                    &mut similarities.related
                } else {
                    &mut similarities.unrelated
                };
                values.push(cosine(question, passage));
            }
        }
        similarities
    }

    /// How often a related passage is nearer than an unrelated one, 0 to 1; by chance it is 0.5.
    fn separation(&self) -> f32 {
        let wins = self.related.iter().map(|related| {
            let below = self.unrelated.iter().filter(|value| *value < related);
            ratio(below.count(), self.unrelated.len())
        });
        wins.sum::<f32>() / ratio(self.related.len().max(1), 1)
    }

    /// What related passages hardly miss; where unrelated ones reach it, the middle between the
    /// two. Not lower, although the pairs would allow it: among thousands of passages, the nearest
    /// of the unrelated ones is nearer than among these few.
    fn threshold(mut self) -> Option<f32> {
        self.related.sort_by(f32::total_cmp);
        self.unrelated.sort_by(f32::total_cmp);
        let lowest = quantile(&self.related, ALLOWED_MISSES)?;
        let highest = quantile(&self.unrelated, 1.0 - ALLOWED_FALSE_ALARMS)?;
        Some(lowest.max(f32::midpoint(lowest, highest)))
    }
}

/// The vectors of all models have length 1; the division makes it true of any.
fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let length = (dot(one, one) * dot(other, other)).sqrt();
    if length > 0.0 {
        dot(one, other) / length
    } else {
        0.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "some hundreds of pairs")]
fn ratio(part: usize, whole: usize) -> f32 {
    if whole == 0 {
        0.0
    } else {
        part as f32 / whole as f32
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "some hundreds of values, and a share of 0 to 1"
)]
fn quantile(sorted: &[f32], share: f32) -> Option<f32> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f32 * share).round() as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::{Calibration, DocumentLanguage, PairVectors, pairs};

    /// Vectors at that angle from the first axis, in degrees.
    fn at(degrees: &[f32]) -> Vec<Vec<f32>> {
        let vector = |angle: &f32| {
            let (y, x) = angle.to_radians().sin_cos();
            vec![x, y]
        };
        degrees.iter().map(vector).collect()
    }

    fn language(name: &str, questions: &[f32], passages: &[f32]) -> PairVectors {
        PairVectors {
            language: name.to_owned(),
            questions: at(questions),
            passages: at(passages),
        }
    }

    #[test]
    fn the_threshold_lies_between_related_and_unrelated_passages() {
        let pairs = [language("en", &[0.0, 60.0, 120.0], &[10.0, 70.0, 130.0])];
        let calibration = Calibration::from_vectors(&pairs).unwrap();
        let (related, unrelated) = (10_f32.to_radians().cos(), 50_f32.to_radians().cos());
        let threshold = calibration.threshold();
        assert!(
            threshold > unrelated && threshold < related + 1e-6,
            "{threshold}"
        );
        assert!(calibration.nearness(1.0) > 0.99);
        assert!(calibration.nearness(calibration.threshold()).abs() < 1e-6);
    }

    #[test]
    fn a_language_that_the_model_confuses_neither_counts_nor_is_understood() {
        let clear = language("en", &[0.0, 60.0, 120.0], &[10.0, 70.0, 130.0]);
        let confused = language("ja", &[0.0, 60.0, 120.0], &[70.0, 130.0, 10.0]);
        let calibration = Calibration::from_vectors(&[clear.clone(), confused.clone()]).unwrap();
        assert_eq!(calibration.languages().collect::<Vec<_>>(), ["en"]);
        let alone = Calibration::from_vectors(&[clear]).unwrap();
        assert!((alone.threshold() - calibration.threshold()).abs() < f32::EPSILON);
        assert_eq!(Calibration::from_vectors(&[confused]), None);
    }

    #[test]
    fn a_language_that_was_not_tried_is_understood_by_a_model_that_understands_all_others() {
        let clear = |name| language(name, &[0.0, 60.0, 120.0], &[10.0, 70.0, 130.0]);
        let confused = language("ja", &[0.0, 60.0, 120.0], &[70.0, 130.0, 10.0]);
        let [english, japanese, polish] =
            ["eng", "jpn", "pol"].map(|code| DocumentLanguage::from_code(code).unwrap());
        let some = Calibration::from_vectors(&[clear("en"), confused]).unwrap();
        assert!(some.understands(english));
        assert!(!some.understands(japanese) && !some.understands(polish));
        let all = Calibration::from_vectors(&[clear("en"), clear("ja")]).unwrap();
        assert!(all.understands(japanese) && all.understands(polish));
    }

    #[test]
    fn a_model_that_gives_every_text_the_same_vector_is_not_calibrated() {
        let same = language("en", &[5.0; 4], &[5.0; 4]);
        assert_eq!(Calibration::from_vectors(&[same]), None);
        assert_eq!(Calibration::from_vectors(&[]), None);
        let zero = PairVectors {
            language: "en".to_owned(),
            questions: vec![vec![0.0, 0.0]; 3],
            passages: vec![vec![0.0, 0.0]; 3],
        };
        assert_eq!(Calibration::from_vectors(&[zero]), None);
    }

    #[test]
    fn the_pairs_are_there_in_several_languages() {
        let pairs = pairs();
        assert!(pairs["en"].len() >= 12);
        assert!(pairs.len() >= 5);
        assert!(pairs.values().all(|language| language.len() >= 4));
    }
}
