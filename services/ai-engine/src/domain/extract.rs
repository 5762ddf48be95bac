//! Answers with the best sentences of what was found, word for word, quoted and cited.

use shared_ai_client::Source;

use crate::domain::terms::{Language, Terms, words};
use crate::domain::wording;

/// Most passages that are quoted.
const MAX_QUOTES: usize = 3;
/// Longest quotation, characters.
const MAX_QUOTE: usize = 500;
/// Letters that two words must share at their beginning to count as one.
const STEM: usize = 4;

/// The pieces of an answer made of quotations, and the numbers they cite.
pub fn answer(sources: &[Source], question: &str, language: Language) -> (Vec<String>, Vec<u32>) {
    let terms = Terms::of(question);
    let mut pieces = vec![wording::quoted(language).to_owned()];
    let mut cited = Vec::new();
    for source in sources.iter().take(MAX_QUOTES) {
        let quote = best_part(&source.text, terms.words());
        pieces.push(format!("\n\n“{quote}” [{}]", source.number));
        cited.push(source.number);
    }
    (pieces, cited)
}

/// The run of whole sentences that says most about the words and still fits.
fn best_part<'t>(text: &'t str, terms: &[String]) -> &'t str {
    let text = text.trim();
    if text.chars().count() <= MAX_QUOTE {
        return text;
    }
    let sentences = sentences(text);
    let start_of = |index: usize| sentences.get(index).map_or(0, |(start, _)| *start);
    let mut best = (0, 0, 0, 0_usize);
    for first in 0..sentences.len() {
        let (mut end, mut matches) = (start_of(first), 0);
        for (start, sentence) in &sentences[first..] {
            let reach = start + sentence.len();
            let run = &text[start_of(first)..reach];
            if run.chars().count() > MAX_QUOTE {
                break;
            }
            end = reach;
            matches = distinct_matches(run, terms);
        }
        let length = end - start_of(first);
        if (matches, length) > (best.0, best.1) {
            best = (matches, length, start_of(first), end);
        }
    }
    let (_, length, start, end) = best;
    if length == 0 {
        return shortened(text);
    }
    text[start..end].trim()
}

/// A sentence longer than a quotation may be is cut between words.
fn shortened(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(MAX_QUOTE)
        .map_or(text.len(), |(at, _)| at);
    let cut = text[..end].rfind(char::is_whitespace).unwrap_or(end);
    text[..cut].trim_end()
}

/// Sentences with their place; a break is an end mark before white space, or a line's end.
fn sentences(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut start, mut ended) = (0, false);
    for (at, letter) in text.char_indices() {
        if ended && letter.is_whitespace() || letter == '\n' {
            let after = at + letter.len_utf8();
            found.push((start, &text[start..after]));
            start = after;
        }
        let closes = matches!(letter, '"' | '”' | '\'' | ')');
        ended = matches!(letter, '.' | '!' | '?' | '…' | '。') || (ended && closes);
    }
    if start < text.len() {
        found.push((start, &text[start..]));
    }
    found
}

fn distinct_matches(text: &str, terms: &[String]) -> usize {
    let present: Vec<String> = words(text).collect();
    let alike = |a: &str, b: &str| {
        let shared = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
        a == b || shared >= STEM
    };
    terms
        .iter()
        .filter(|term| present.iter().any(|word| alike(term, word)))
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
            text: text.to_owned(),
            score: 0.03,
        }
    }

    #[test]
    fn a_short_passage_is_quoted_whole_and_cited() {
        let sources = [source(1, "Walk after lunch."), source(2, "Sleep cold.")];
        let (pieces, cited) = answer(&sources, "walking", Language::English);
        assert_eq!(pieces[1], "\n\n“Walk after lunch.” [1]");
        assert_eq!(cited, [1, 2]);
    }

    #[test]
    fn of_a_long_passage_the_sentences_about_the_question_are_quoted() {
        let filler = "Nothing of note happens in this part of the story at all. ".repeat(12);
        let text = format!("{filler}A refund reaches you within five days. {filler}");
        let quote = best_part(&text, Terms::of("When is the refund paid?").words());
        assert!(quote.contains("A refund reaches you within five days."));
        assert!(quote.chars().count() <= MAX_QUOTE);
        assert!(text.contains(quote), "word for word");
        assert!(quote.ends_with('.'));
    }

    #[test]
    fn a_sentence_without_an_end_is_cut_between_words() {
        let text = "word ".repeat(300);
        let quote = best_part(&text, &[]);
        assert!(quote.chars().count() <= MAX_QUOTE && quote.ends_with("word"));
        let solid = "é".repeat(2000);
        assert_eq!(best_part(&solid, &[]).chars().count(), MAX_QUOTE);
    }

    #[test]
    fn no_more_than_three_passages_are_quoted() {
        let sources: Vec<Source> = (1..=5).map(|number| source(number, "text")).collect();
        assert_eq!(answer(&sources, "text", Language::English).1, [1, 2, 3]);
    }
}
