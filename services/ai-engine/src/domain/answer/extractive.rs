//! Composes an extractive answer: the sentences of the passages that answer the question,
//! unchanged, each with its place and its citation.

mod contradiction;
mod units;

use std::collections::HashSet;

use shared_ai_client::{Source, SourceKind};

use crate::domain::answer::canned_replies::replies;
use crate::domain::answer::citations;
use crate::domain::answer::grounding::evidence::parts;
use crate::domain::answer::injection::{has_order, is_order};
use crate::domain::answer::language::Language;
use crate::domain::index::keywords::Keywords;
use crate::domain::tokenizer::question_terms;

pub(crate) use units::begins_with_pronoun;
use units::{Expected, Unit};

/// Sentences of an answer.
const MAX_UNITS: usize = 3;
/// The longest quotation in characters.
const MAX_QUOTE_LENGTH: usize = 500;
/// A further sentence is quoted if its score is at least this part of the best one.
const MIN_SCORE_RATIO: f32 = 0.6;
/// What a match in title or headings counts, of one in the sentence itself.
const CONTEXT_WEIGHT: f32 = 0.6;
/// What an expected number or date counts, of a perfect match.
const EXPECTED_WEIGHT: f32 = 0.3;
/// What each further place among the passages takes away.
const PLACE_DISCOUNT: f32 = 0.04;
/// Terms of one question that are compared.
const MAX_TERMS: usize = 60;

/// An answer made of quotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quotations {
    /// The pieces of the text, in order.
    pub(crate) pieces: Vec<String>,
    /// The numbers of the quoted sources.
    pub(crate) citations: Vec<u32>,
}

/// Quotes the sentences of the sources that answer the question best.
pub(crate) fn quote<'s>(
    sources: impl IntoIterator<Item = &'s Source>,
    question: &str,
    language: Language,
) -> Quotations {
    let sources: Vec<&Source> = sources.into_iter().collect();
    let units: Vec<Unit<'_>> = sources
        .iter()
        .enumerate()
        .flat_map(|(place, source)| units::of_source(place, source))
        .filter(|unit| !is_order(unit.text))
        .collect();
    let scores = scores(&units, question);
    let replies = replies(language);
    let contradiction = contradiction::find(&units, &scores, &sources, question);
    let (intro, chosen) = if let Some(pair) = contradiction {
        (replies.says_both, pair.to_vec())
    } else {
        let next = continued(&sources);
        let chosen = choose(&units, &scores, Expected::by(question), &next);
        (replies.quotation_intro, chosen)
    };
    let mut pieces = vec![intro.to_owned()];
    let mut citations = Vec::new();
    for place in distinct(chosen.iter().map(|unit| units[*unit].source)) {
        let source = sources[place];
        let of_source: Vec<usize> = chosen
            .iter()
            .copied()
            .filter(|unit| units[*unit].source == place)
            .collect();
        let quotes = joined(&units, &of_source, &source.text);
        let number = source.number;
        let label = label(source);
        pieces.push(format!("\n\n{label}: {} [{number}]", quotes.join(" ")));
        citations.push(number);
    }
    Quotations { pieces, citations }
}

/// Title and headings, so that passages which read alike can be told apart.
fn label(source: &Source) -> String {
    let title = source.title.trim();
    let heading = source.heading.as_deref().unwrap_or_default().trim();
    let label = if heading.is_empty() {
        title.to_owned()
    } else if heading == title || heading.starts_with(&format!("{title} >")) {
        heading.to_owned()
    } else {
        format!("{title} > {heading}")
    };
    citations::escape(&label.replace('\n', " "))
}

fn distinct(places: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut seen = HashSet::new();
    places.filter(|place| seen.insert(*place)).collect()
}

/// The terms of each keyword of a question.
fn keywords(question: &str) -> Vec<Vec<String>> {
    let keywords = Keywords::from_text(question);
    let words = keywords.words().iter().cloned().flat_map(parts);
    words
        .take(MAX_TERMS)
        .map(|word| question_terms(&word))
        .collect()
}

/// How well each sentence answers: the question's words that it has, rare ones counting more, and
/// the kind of thing that is asked for.
fn scores(units: &[Unit<'_>], question: &str) -> Vec<f32> {
    let keywords = keywords(question);
    let expected = Expected::by(question);
    #[expect(clippy::cast_precision_loss, reason = "counts of sentences are small")]
    let weights: Vec<f32> = keywords
        .iter()
        .map(|terms| {
            let count = units
                .iter()
                .filter(|unit| unit.has(terms) || unit.is_under(terms))
                .count();
            if count == 0 {
                0.0
            } else {
                (1.0 + units.len() as f32 / count as f32).ln()
            }
        })
        .collect();
    let perfect: f32 = weights.iter().sum();
    units
        .iter()
        .map(|unit| {
            let matches: f32 = keywords
                .iter()
                .zip(&weights)
                .map(
                    |(terms, weight)| match (unit.has(terms), unit.is_under(terms)) {
                        (true, _) => *weight,
                        (false, true) => weight * CONTEXT_WEIGHT,
                        (false, false) => 0.0,
                    },
                )
                .sum();
            let bonus = if unit.is_expected(expected) {
                perfect * EXPECTED_WEIGHT
            } else {
                0.0
            };
            #[expect(clippy::cast_precision_loss, reason = "at most ten passages")]
            let discount = 1.0 - PLACE_DISCOUNT * unit.source as f32;
            if matches > 0.0 {
                (matches + bonus) * discount
            } else {
                0.0
            }
        })
        .collect()
}

/// For each source, the place of the one that goes on where it ends.
fn continued(sources: &[&Source]) -> Vec<Option<usize>> {
    let goes_on = |one: &Source, other: &Source| {
        one.kind == SourceKind::Document
            && (other.document_id, other.ordinal) == (one.document_id, one.ordinal + 1)
    };
    sources
        .iter()
        .map(|one| sources.iter().position(|other| goes_on(one, other)))
        .collect()
}

/// The best sentences, with what they need to be understood.
fn choose(
    units: &[Unit<'_>],
    scores: &[f32],
    expected: Expected,
    next: &[Option<usize>],
) -> Vec<usize> {
    let mut ranked: Vec<usize> = (0..units.len()).collect();
    ranked.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    let Some(best) = ranked.first().copied() else {
        return Vec::new();
    };
    if scores[best] <= 0.0 {
        // Found by meaning only: the beginning of the best passage.
        return (0..units.len())
            .filter(|unit| units[*unit].source == 0)
            .take(MAX_UNITS)
            .collect();
    }
    let mut chosen: Vec<usize> = Vec::new();
    for unit in ranked {
        let is_good = scores[unit] >= scores[best] * MIN_SCORE_RATIO;
        let is_repeated = chosen
            .iter()
            .any(|other| units[*other].says_the_same(&units[unit]));
        if chosen.len() < MAX_UNITS && is_good && !is_repeated {
            chosen.push(unit);
            chosen.extend(companion(units, unit, next));
        }
    }
    if !units[best].is_expected(expected) && chosen.len() < 2 {
        chosen.extend(surroundings(units, best));
    }
    let order = distinct(chosen.iter().map(|unit| units[*unit].source));
    let order = in_reading_order(order, next);
    let rank = |unit: &usize| {
        order
            .iter()
            .position(|source| *source == units[*unit].source)
    };
    let mut unique = distinct(chosen.iter().copied());
    unique.sort_by_key(|unit| (rank(unit), *unit));
    unique
}

/// The order of sources in which one that goes on where another ends stands behind it.
fn in_reading_order(mut order: Vec<usize>, next: &[Option<usize>]) -> Vec<usize> {
    for place in 0..order.len() {
        let before = next.iter().position(|next| *next == Some(order[place]));
        let at = before.and_then(|before| order.iter().position(|source| *source == before));
        if let Some(at) = at.filter(|at| *at > place) {
            let source = order.remove(at);
            order.insert(place, source);
        }
    }
    order
}

/// The sentence that another one cannot be understood without: the answer behind a question, or
/// what a pronoun at its beginning stands for. It may stand in the passage behind or before.
fn companion(units: &[Unit<'_>], unit: usize, next: &[Option<usize>]) -> Option<usize> {
    let source = units[unit].source;
    let is_neighbour = |other: &usize| {
        units
            .get(*other)
            .is_some_and(|found| found.source == source)
    };
    if units[unit].is_question() {
        let behind = || {
            let passage = next.get(source).copied().flatten()?;
            units.iter().position(|unit| unit.source == passage)
        };
        return Some(unit + 1).filter(is_neighbour).or_else(behind);
    }
    if units[unit].begins_with_pronoun() {
        let before = || {
            let passage = next.iter().position(|next| *next == Some(source))?;
            units.iter().rposition(|unit| unit.source == passage)
        };
        return unit.checked_sub(1).filter(is_neighbour).or_else(before);
    }
    None
}

/// Sentences around one that has the words of the question, but nothing that shows that it is the
/// answer: that often stands before it.
fn surroundings(units: &[Unit<'_>], best: usize) -> Vec<usize> {
    let can_join = |place: &usize| {
        units.get(*place).is_some_and(|unit| {
            unit.source == units[best].source && unit.is_prose() && !unit.is_question()
        })
    };
    if !can_join(&best) {
        return Vec::new();
    }
    let before = (0..best).rev().take_while(can_join).take(MAX_UNITS - 1);
    let mut found: Vec<usize> = before.collect();
    let behind = (best + 1..units.len()).take_while(can_join);
    found.extend(behind.take(MAX_UNITS - 1 - found.len()));
    found
}

/// The quotations of one passage: neighbours are one quotation.
fn joined(units: &[Unit<'_>], chosen: &[usize], text: &str) -> Vec<String> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut quotes = Vec::new();
    for (place, unit) in chosen.iter().enumerate() {
        let Unit { start, end, .. } = units[*unit];
        let is_next = place > 0 && chosen[place - 1] + 1 == *unit && {
            let before = units[chosen[place - 1]].end;
            text.get(before..start)
                .is_none_or(|between| !has_order(between))
        };
        match runs.last_mut() {
            Some((from, to)) if is_next && end - *from <= MAX_QUOTE_LENGTH => *to = end,
            _ => runs.push((start, end)),
        }
    }
    for (start, end) in runs {
        let lead = units
            .iter()
            .find(|unit| {
                unit.start == start
                    && unit.end <= end
                    && text.get(start..unit.end) == Some(unit.text)
            })
            .and_then(|unit| unit.lead.clone())
            .filter(|lead| lead.end <= start)
            .map(|lead| format!("{}\n", text[lead].trim()))
            .unwrap_or_default();
        let excerpt = truncate(text[start..end].trim());
        quotes.push(format!(
            "“{}{}”",
            citations::escape(&lead),
            citations::escape(excerpt)
        ));
    }
    quotes
}

/// Truncates a sentence that is too long to be quoted, between words.
fn truncate(text: &str) -> &str {
    let Some((end, _)) = text.char_indices().nth(MAX_QUOTE_LENGTH) else {
        return text;
    };
    let cut = text[..end].rfind(char::is_whitespace).unwrap_or(end);
    text[..cut].trim_end()
}

#[cfg(test)]
mod tests;
