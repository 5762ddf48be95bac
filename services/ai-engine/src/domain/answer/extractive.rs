//! Composes an extractive answer: the best sentences of the passages, quoted and cited.

use shared_ai_client::Source;

use crate::domain::answer::canned_replies;
use crate::domain::index::keywords::{Keywords, Language};
use crate::domain::tokenizer::words;

/// The number of quoted passages.
const MAX_QUOTES: usize = 3;
/// The longest quotation in characters.
const MAX_QUOTE_LENGTH: usize = 500;
/// Words that share so many letters at their beginning count as the same word.
const MIN_COMMON_PREFIX: usize = 4;

/// An answer made of quotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quotations {
    /// The pieces of the text, in order.
    pub(crate) pieces: Vec<String>,
    /// The numbers of the quoted sources.
    pub(crate) citations: Vec<u32>,
}

/// Quotes the best sentences of the first sources.
pub(crate) fn quote<'s>(
    sources: impl IntoIterator<Item = &'s Source>,
    question: &str,
    language: Language,
) -> Quotations {
    let keywords = Keywords::from_text(question);
    let mut pieces = vec![canned_replies::quotation_intro(language).to_owned()];
    let mut citations = Vec::new();
    for source in sources.into_iter().take(MAX_QUOTES) {
        let excerpt = best_excerpt(&source.text, keywords.words());
        pieces.push(format!("\n\n“{excerpt}” [{}]", source.number));
        citations.push(source.number);
    }
    Quotations { pieces, citations }
}

/// Consecutive sentences, as byte offsets into the text.
#[derive(Default)]
struct Run {
    start: usize,
    end: usize,
    matches: usize,
}

impl Run {
    /// More keywords win, then more text.
    const fn rank(&self) -> (usize, usize) {
        (self.matches, self.end - self.start)
    }
}

/// The run of whole sentences that contains most keywords and is short enough.
fn best_excerpt<'t>(text: &'t str, keywords: &[String]) -> &'t str {
    let text = text.trim();
    if text.chars().count() <= MAX_QUOTE_LENGTH {
        return text;
    }
    let sentences = split_sentences(text);
    let mut best = Run::default();
    for (index, (start, _)) in sentences.iter().enumerate() {
        let run = longest_run(text, *start, &sentences[index..], keywords);
        if run.rank() > best.rank() {
            best = run;
        }
    }
    if best.end == best.start {
        return truncate(text);
    }
    text[best.start..best.end].trim()
}

/// The longest run from `start` that is short enough to be quoted; empty if no sentence is.
fn longest_run(text: &str, start: usize, sentences: &[(usize, &str)], keywords: &[String]) -> Run {
    let mut run = Run {
        start,
        end: start,
        matches: 0,
    };
    for (offset, sentence) in sentences {
        let end = offset + sentence.len();
        let excerpt = &text[start..end];
        if excerpt.chars().count() > MAX_QUOTE_LENGTH {
            break;
        }
        run.end = end;
        run.matches = count_matches(excerpt, keywords);
    }
    run
}

/// Truncates a sentence that is too long to be quoted, between words.
fn truncate(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(MAX_QUOTE_LENGTH)
        .map_or(text.len(), |(at, _)| at);
    let cut = text[..end].rfind(char::is_whitespace).unwrap_or(end);
    text[..cut].trim_end()
}

/// Sentences with their byte offsets. A sentence ends with a line, or with an end mark before white
/// space.
fn split_sentences(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut start, mut ended) = (0, false);
    for (at, character) in text.char_indices() {
        if ended && character.is_whitespace() || character == '\n' {
            let after = at + character.len_utf8();
            found.push((start, &text[start..after]));
            start = after;
        }
        let closes = matches!(character, '"' | '”' | '\'' | ')');
        ended = matches!(character, '.' | '!' | '?' | '…' | '。') || (ended && closes);
    }
    if start < text.len() {
        found.push((start, &text[start..]));
    }
    found
}

fn count_matches(text: &str, keywords: &[String]) -> usize {
    let present = words(text);
    let is_similar = |a: &str, b: &str| {
        let shared = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
        a == b || shared >= MIN_COMMON_PREFIX
    };
    keywords
        .iter()
        .filter(|keyword| present.iter().any(|word| is_similar(keyword, word)))
        .count()
}

#[cfg(test)]
mod tests {
    use shared_models::{ChunkId, DocumentId};

    use super::*;

    fn source(number: u32, text: &str) -> Source {
        Source {
            number,
            document_id: DocumentId::new(),
            title: "Handbook".to_owned(),
            chunk_id: ChunkId::new(),
            ordinal: 0,
            heading: None,
            position: None,
            text: text.to_owned(),
            score: 0.03,
        }
    }

    #[test]
    fn a_short_passage_is_quoted_whole_and_cited() {
        let sources = [source(1, "Walk after lunch."), source(2, "Sleep cold.")];
        let answer = quote(&sources, "walking", Language::English);
        assert_eq!(answer.pieces[1], "\n\n“Walk after lunch.” [1]");
        assert_eq!(answer.citations, [1, 2]);
    }

    #[test]
    fn the_sentences_about_the_question_are_quoted_from_a_long_passage() {
        let filler = "Nothing of note happens in this part of the story at all. ".repeat(12);
        let text = format!("{filler}A refund reaches you within five days. {filler}");
        let question = Keywords::from_text("When is the refund paid?");
        let excerpt = best_excerpt(&text, question.words());
        assert!(excerpt.contains("A refund reaches you within five days."));
        assert!(excerpt.chars().count() <= MAX_QUOTE_LENGTH);
        assert!(text.contains(excerpt), "the text is unchanged");
        assert!(excerpt.ends_with('.'));
    }

    #[test]
    fn a_sentence_that_is_too_long_is_truncated_between_words() {
        let text = "word ".repeat(300);
        let excerpt = best_excerpt(&text, &[]);
        assert!(excerpt.chars().count() <= MAX_QUOTE_LENGTH);
        assert!(excerpt.ends_with("word"));
        let solid = "é".repeat(2000);
        assert_eq!(best_excerpt(&solid, &[]).chars().count(), MAX_QUOTE_LENGTH);
    }

    #[test]
    fn no_more_than_three_passages_are_quoted() {
        let sources: Vec<Source> = (1..=5).map(|number| source(number, "text")).collect();
        let answer = quote(&sources, "text", Language::English);
        assert_eq!(answer.citations, [1, 2, 3]);
    }
}
