//! Checks a sentence against the passages that it is based on: what they do not support must not
//! reach the reader.

pub(crate) mod evidence;
mod mentions;
pub(crate) mod numbers;
mod opposites;

use std::collections::HashSet;

pub use evidence::{Evidence, Passage};
pub(super) use opposites::{has_negation_sign, is_negation};

use evidence::{SourceSentence, Word, plain};
use mentions::{check_links, check_names, check_quotations};
use numbers::Numbers;

/// The part of a sentence's content words that its sources must have.
const MIN_COVERAGE: f32 = 0.7;
/// A shorter sentence must be covered wholly, since one other word changes what it says.
const MAX_SHORT: usize = 3;
/// Sentences of the sources that may support one sentence.
const MAX_SUPPORT: usize = 3;
/// Passages that may support one sentence.
const MAX_PASSAGES: usize = 2;
/// A number may stand in a source sentence that has so much of what the best one has.
const NUMBER_RELEVANCE: f32 = 0.5;

/// What the check says of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// These passages support it, the most important one first.
    Supported(Vec<u32>),
    /// It must not leave the service.
    Unsupported(Fault),
}

/// What no source supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A number, an amount or a date.
    Number,
    /// A capitalised word that is not at the beginning of a sentence.
    Name,
    /// A link, a host or an e-mail address.
    Link,
    /// Words in quotation marks.
    Quotation,
    /// The sources say the opposite.
    Negation,
    /// Too many other words.
    Words,
    /// It has no words that could be checked.
    Empty,
}

impl Fault {
    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Name => "name",
            Self::Link => "link",
            Self::Quotation => "quotation",
            Self::Negation => "negation",
            Self::Words => "words",
            Self::Empty => "empty",
        }
    }
}

/// Checks one sentence, without its citations.
pub fn check(sentence: &str, evidence: &Evidence) -> Decision {
    match support(sentence, evidence) {
        Ok(passages) => Decision::Supported(passages),
        Err(fault) => Decision::Unsupported(fault),
    }
}

fn support(sentence: &str, evidence: &Evidence) -> Result<Vec<u32>, Fault> {
    let sentence = without_marker(sentence);
    let words = evidence.words(sentence);
    let content: Vec<&Word> = words.iter().filter(|word| word.is_content).collect();
    let numbers = Numbers::of(&plain(sentence), evidence.language);
    if content.is_empty() && numbers.all.is_empty() {
        return Err(Fault::Empty);
    }
    let chosen = supporting_sentences(&content, evidence);
    let (Some(first), false) = (chosen.first(), chosen.is_empty()) else {
        return Err(Fault::Words);
    };
    let best = &evidence.sentences[*first];
    let is_copy = is_copy(&content, best);
    let passages: Vec<usize> = distinct(
        chosen
            .iter()
            .map(|place| evidence.sentences[*place].passage),
    );
    check_links(sentence, evidence)?;
    check_quotations(sentence, evidence)?;
    check_numbers(&numbers, &content, *first, &passages, evidence)?;
    if is_copy && numbers.repeat(&best.numbers) {
        return Err(Fault::Number);
    }
    let near = near(&content, &chosen, is_copy, evidence);
    check_names(sentence, &near, &passages, evidence)?;
    check_coverage(&content, &chosen, &passages, evidence)?;
    let sources: Vec<&[Word]> = chosen
        .iter()
        .map(|place| evidence.sentences[*place].words.as_slice())
        .collect();
    let signs_differ = has_negation_sign(sentence) != has_negation_sign(&best.plain);
    let counts_differ = is_copy && negations(&words) != negations(&best.words);
    if signs_differ || counts_differ || opposites::is_flipped(&words, &sources) {
        return Err(Fault::Negation);
    }
    Ok(passages
        .into_iter()
        .map(|place| evidence.passages[place].number)
        .collect())
}

fn negations(words: &[Word]) -> usize {
    words.iter().filter(|word| word.is_negation).count()
}

/// Whether the sentence is one of a source with little changed. What was changed decides then.
fn is_copy(content: &[&Word], best: &SourceSentence) -> bool {
    let length = best.words.iter().filter(|word| word.is_content).count();
    overlap(content, best) * 4 >= content.len() * 3 && length * 4 <= content.len() * 5
}

/// The source sentences in which a name of the sentence may stand: those that support most of it,
/// and those beside them, since a pronoun may stand for the name there.
fn near(content: &[&Word], chosen: &[usize], is_copy: bool, evidence: &Evidence) -> Vec<usize> {
    let Some(best) = chosen.first().filter(|_| is_copy) else {
        let most = chosen
            .first()
            .map_or(0, |best| overlap(content, &evidence.sentences[*best]));
        let passage = |place: usize| evidence.sentences.get(place).map(|source| source.passage);
        let strong = chosen
            .iter()
            .filter(|place| overlap(content, &evidence.sentences[**place]) * 2 >= most);
        return strong
            .flat_map(|place| place.saturating_sub(1)..=place + 1)
            .filter(|place| chosen.iter().any(|one| passage(*one) == passage(*place)))
            .collect();
    };
    vec![*best]
}

/// The sentence without the bullet or the number of a list, and without marks for bold text.
fn without_marker(sentence: &str) -> &str {
    let text = sentence.trim().trim_start_matches(['#', '>', ' ']);
    let text = text
        .strip_prefix(['-', '*', '•'])
        .unwrap_or(text)
        .trim_start();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    match text[digits..].strip_prefix(['.', ')']) {
        Some(rest) if (1..=2).contains(&digits) && rest.starts_with(' ') => rest.trim_start(),
        _ => text,
    }
}

fn distinct(places: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut seen = HashSet::new();
    places.filter(|place| seen.insert(*place)).collect()
}

/// How many of the words the sentence of a source has.
fn overlap(content: &[&Word], source: &SourceSentence) -> usize {
    let is_there = |word: &&&Word| is_in(word, &source.terms);
    content.iter().filter(is_there).count()
}

fn is_in(word: &Word, terms: &HashSet<String>) -> bool {
    word.stems().any(|stem| terms.contains(stem))
}

/// The source sentences that together have most of the words: the best one, then those that add
/// most.
fn supporting_sentences(content: &[&Word], evidence: &Evidence) -> Vec<usize> {
    let mut left: Vec<&Word> = content.to_vec();
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < MAX_SUPPORT {
        let passages = distinct(
            chosen
                .iter()
                .map(|place| evidence.sentences[*place].passage),
        );
        let is_open = |source: &SourceSentence| {
            passages.len() < MAX_PASSAGES || passages.contains(&source.passage)
        };
        let best = evidence
            .sentences
            .iter()
            .enumerate()
            .filter(|(_, source)| is_open(source))
            .map(|(place, source)| {
                // Of two with as much, the one that also has what is covered already, and then the
                // shorter one.
                let extra = overlap(content, source);
                let is_same = passages.contains(&source.passage);
                (
                    overlap(&left, source),
                    is_same,
                    extra,
                    std::cmp::Reverse(source.words.len()),
                    place,
                )
            })
            .max_by_key(|(new, is_same, extra, length, place)| {
                (*new, *is_same, *extra, *length, std::cmp::Reverse(*place))
            });
        match best {
            Some((new, _, _, _, place)) if new > 0 || chosen.is_empty() => {
                left.retain(|word| !is_in(word, &evidence.sentences[place].terms));
                chosen.push(place);
            }
            _ => break,
        }
    }
    chosen
}

/// A number must stand where the sources speak of the same thing.
fn check_numbers(
    numbers: &Numbers,
    content: &[&Word],
    best: usize,
    passages: &[usize],
    evidence: &Evidence,
) -> Result<(), Fault> {
    let most = overlap(content, &evidence.sentences[best]);
    let is_relevant = |source: &&SourceSentence| {
        #[expect(clippy::cast_precision_loss, reason = "counts of words are small")]
        let is_near = overlap(content, source) as f32 >= most as f32 * NUMBER_RELEVANCE;
        is_near || content.is_empty()
    };
    let relevant: Vec<&SourceSentence> = evidence.sentences.iter().filter(is_relevant).collect();
    let in_context = |number| {
        let mut contexts = passages.iter().map(|place| &evidence.passages[*place]);
        contexts.any(|passage| passage.context_numbers.contain(number))
    };
    let all_stand = numbers.all.iter().all(|number| {
        relevant.iter().any(|source| source.numbers.contain(number)) || in_context(number)
    });
    if all_stand {
        Ok(())
    } else {
        Err(Fault::Number)
    }
}

/// Most of the words must stand in the chosen sentences, or above them. A word of the question that
/// no source has says nothing new.
fn check_coverage(
    content: &[&Word],
    chosen: &[usize],
    passages: &[usize],
    evidence: &Evidence,
) -> Result<(), Fault> {
    let is_covered = |word: &&&Word| {
        let mut sentences = chosen.iter().map(|place| &evidence.sentences[*place]);
        let mut contexts = passages
            .iter()
            .map(|place| &evidence.passages[*place].context);
        sentences.any(|source| is_in(word, &source.terms))
            || contexts.any(|context| is_in(word, context))
    };
    let (covered, other): (Vec<&&Word>, Vec<&&Word>) = content.iter().partition(is_covered);
    let new = other
        .iter()
        .filter(|word| !is_in(word, &evidence.question))
        .count();
    let total = covered.len() + new;
    if content.is_empty() {
        return Ok(());
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of words are small")]
    let enough = covered.len() as f32 >= total as f32 * MIN_COVERAGE;
    let is_whole = total > MAX_SHORT || new == 0;
    if enough && is_whole && !covered.is_empty() {
        Ok(())
    } else {
        Err(Fault::Words)
    }
}

#[cfg(test)]
mod tests;
