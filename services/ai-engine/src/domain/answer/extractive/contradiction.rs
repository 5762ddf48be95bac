//! Finds two sources that disagree on what is asked.

use std::collections::HashSet;

use shared_ai_client::Source;

use super::units::{Expected, Unit};
use crate::domain::answer::function_words::is_function_word;
use crate::domain::answer::grounding::{self, Decision, Evidence, Fault, Passage};
use crate::domain::answer::language::Language;
use crate::domain::tokenizer::words;

/// Both must be about as good an answer.
const MIN_SCORE_RATIO: f32 = 0.6;
/// Content words that both must share, of those of the shorter one.
const MIN_SHARED: f32 = 0.6;
/// Sentences that are compared.
const MAX_COMPARED: usize = 6;

/// The best sentence and another one that says something else of the same thing: another number, or
/// the opposite. Sections of one document are about different things; two documents may not agree.
pub(super) fn find(
    units: &[Unit<'_>],
    scores: &[f32],
    sources: &[&Source],
    question: &str,
) -> Option<[usize; 2]> {
    let mut ranked: Vec<usize> = (0..units.len())
        .filter(|unit| scores[*unit] > 0.0)
        .collect();
    ranked.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    let best = ranked.first().copied()?;
    let document = |unit: usize| sources[units[unit].source].document_id;
    let asks_for_number = Expected::by(question) == Expected::Number;
    ranked
        .into_iter()
        .take(MAX_COMPARED)
        .filter(|other| document(*other) != document(best))
        .filter(|other| scores[*other] >= scores[best] * MIN_SCORE_RATIO)
        .find(|other| {
            let [one, two] = [&units[best], &units[*other]];
            are_about_the_same(one, two)
                && (is_denied(one, two) || (asks_for_number && numbers_differ(one, two)))
        })
        .map(|other| [best, other])
}

fn content(unit: &Unit<'_>) -> HashSet<String> {
    let language = Language::detect(unit.text);
    words(unit.text)
        .into_iter()
        .filter(|word| !is_function_word(word, language))
        .filter(|word| !word.chars().all(|c| c.is_ascii_digit()))
        .collect()
}

fn are_about_the_same(one: &Unit<'_>, two: &Unit<'_>) -> bool {
    let [a, b] = [content(one), content(two)];
    let shared = a.intersection(&b).count();
    let shorter = a.len().min(b.len());
    #[expect(clippy::cast_precision_loss, reason = "counts of words are small")]
    let is_enough = shared as f32 >= shorter as f32 * MIN_SHARED;
    shared >= 2 && is_enough
}

/// Whether no number of one stands in the other, and both have some.
fn numbers_differ(one: &Unit<'_>, two: &Unit<'_>) -> bool {
    let [a, b] = [&one.numbers, &two.numbers];
    let has_both = !a.all.is_empty() && !b.all.is_empty();
    has_both && !a.all.iter().any(|number| b.contain(number))
}

fn is_denied(one: &Unit<'_>, two: &Unit<'_>) -> bool {
    let passage = Passage {
        number: 1,
        title: "",
        heading: None,
        text: two.text.trim(),
    };
    let evidence = Evidence::new("", [passage]);
    grounding::check(one.text.trim(), &evidence) == Decision::Unsupported(Fault::Negation)
}
