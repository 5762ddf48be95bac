//! Estimates the tokens of a text, never too low, so that no text exceeds a context window.

/// A lower bound for text in ASCII letters.
const MIN_LETTERS_PER_TOKEN: usize = 3;

/// An upper bound of what a word-piece or byte-pair tokenizer produces for ordinary text: one token
/// for three letters, for each digit, for each sign, and for each letter beyond ASCII.
pub(crate) fn estimate(text: &str) -> usize {
    let mut tokens = 0;
    let mut letters: usize = 0;
    for character in text.chars() {
        if character.is_ascii_alphabetic() {
            letters += 1;
            continue;
        }
        tokens += letters.div_ceil(MIN_LETTERS_PER_TOKEN);
        letters = 0;
        if !character.is_whitespace() {
            tokens += 1;
        }
    }
    tokens + letters.div_ceil(MIN_LETTERS_PER_TOKEN)
}

/// The first words of a text that make at most so many tokens.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    let ends = text.char_indices().filter(|(_, c)| c.is_whitespace());
    let ends = ends.map(|(end, _)| end).chain([text.len()]);
    let fits = |end: &usize| estimate(&text[..*end]) <= most;
    ends.take_while(fits).last().map_or("", |end| &text[..end])
}

#[cfg(test)]
mod tests;
