//! The citations in the text of an answer: `[2]`, `[1][3]` or `[1, 3]`.

/// The numbers that a text cites, in order, each once. An answer that was stopped has no list of
/// them. A number that belongs to no source is harmless: it marks none.
pub(crate) fn numbers(text: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for piece in text.split('[').skip(1) {
        let Some((inside, _)) = piece.split_once(']') else {
            continue;
        };
        let listed: Result<Vec<u32>, _> =
            inside.split(',').map(|part| part.trim().parse()).collect();
        numbers.extend(listed.unwrap_or_default());
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn citations_are_found_alone_in_a_row_and_in_a_list() {
        assert_eq!(numbers("Sleep well [2]. Drink less [1][3]."), [1, 2, 3]);
        assert_eq!(numbers("Both say so [4, 2] and again [2]."), [2, 4]);
    }

    #[test]
    fn other_brackets_are_no_citations() {
        for text in [
            "",
            "none",
            "[a]",
            "[1",
            "[1a]",
            "[]",
            "x[-1]",
            "[ , ]",
            "[link](url)",
        ] {
            assert!(numbers(text).is_empty(), "{text}");
        }
    }
}
