//! An estimate of tokens that errs on the high side, so that nothing is cut by a model's window.

/// Letters of one token at worst, in languages of ASCII letters.
const LETTERS_PER_TOKEN: usize = 3;

/// At least as many tokens as a word-piece or byte-pair tokenizer makes of ordinary text: pieces of
/// three letters, every digit, every sign and every letter beyond ASCII by itself.
pub fn estimate(text: &str) -> usize {
    let mut tokens = 0;
    let mut letters: usize = 0;
    for character in text.chars() {
        if character.is_ascii_alphabetic() {
            letters += 1;
            continue;
        }
        tokens += letters.div_ceil(LETTERS_PER_TOKEN);
        letters = 0;
        if !character.is_whitespace() {
            tokens += 1;
        }
    }
    tokens + letters.div_ceil(LETTERS_PER_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::estimate;

    #[test]
    fn words_count_by_three_letters_and_signs_by_one() {
        assert_eq!(estimate(""), 0);
        assert_eq!(estimate("calm down"), 4);
        assert_eq!(estimate("16 °C!"), 5);
        assert_eq!(estimate("静かな朝"), 4);
    }
}
