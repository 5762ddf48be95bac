//! The summary of a long conversation: what was asked, and how each answer began.
//!
//! It is made of what was said, word for word and shortened, without a model: it costs no slot of
//! one, and says nothing that was not said. The newest exchanges stay when it is full.

use super::conversation::MessageRole;

/// The longest summary, characters, as the column and ai-engine accept it.
pub(crate) const MAX_SUMMARY: usize = 2_000;
/// The longest part of one message in it, characters.
const MAX_PART: usize = 160;

/// A message that goes into a summary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) role: MessageRole,
    pub(crate) text: &'a str,
}

/// The summary with these messages behind what it had; none while nothing with a text was said.
pub(crate) fn extended<'a>(
    summary: Option<&str>,
    said: impl IntoIterator<Item = Said<'a>>,
) -> Option<String> {
    let mut lines: Vec<String> = summary
        .into_iter()
        .flat_map(str::lines)
        .map(str::to_owned)
        .collect();
    for Said { role, text } in said {
        let part = beginning(text);
        if part.is_empty() {
            continue;
        }
        lines.push(match role {
            MessageRole::User => format!("Visitor: {part}"),
            MessageRole::Assistant => format!("Assistant: {part}"),
        });
    }
    let mut room = MAX_SUMMARY;
    let newest = lines.iter().rev().take_while(|line| {
        let length = line.chars().count() + 1;
        let fits = length <= room;
        room = room.saturating_sub(length);
        fits
    });
    let kept = lines.len() - newest.count();
    let summary = lines.split_off(kept).join("\n");
    (!summary.is_empty()).then_some(summary)
}

/// The first sentence of a text, on one line; a long one is cut between words.
fn beginning(text: &str) -> String {
    let allowed = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(allowed).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let mut end = line.len();
    let ends = line
        .char_indices()
        .filter(|(_, c)| matches!(c, '.' | '!' | '?' | '。' | '？' | '！'));
    let next_is_space = |at: usize, c: char| {
        let rest = line.get(at + c.len_utf8()..).unwrap_or_default();
        !c.is_ascii() || rest.starts_with(' ')
    };
    if let Some((at, c)) = ends.into_iter().find(|(at, c)| next_is_space(*at, *c)) {
        end = at + c.len_utf8();
    }
    let sentence = line.get(..end).unwrap_or_default();
    let Some((cut, _)) = sentence.char_indices().nth(MAX_PART) else {
        return sentence.to_owned();
    };
    let shortened = sentence.get(..cut).unwrap_or_default();
    let shortened = shortened
        .rsplit_once(' ')
        .map_or(shortened, |(whole, _)| whole);
    format!("{shortened} …")
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn asked(text: &str) -> Said<'_> {
        Said {
            role: MessageRole::User,
            text,
        }
    }

    const fn answered(text: &str) -> Said<'_> {
        Said {
            role: MessageRole::Assistant,
            text,
        }
    }

    #[test]
    fn an_exchange_is_the_question_and_how_its_answer_begins() {
        let said = [
            asked("How cold\nshould my bedroom be?"),
            answered("Keep it at 18.5 degrees. In summer, air it at night."),
            asked(" \n\u{7}"),
        ];
        let summary = extended(Some("Visitor: Hello"), said).unwrap();
        let expected = "Visitor: Hello\nVisitor: How cold should my bedroom be?\n\
                        Assistant: Keep it at 18.5 degrees.";
        assert_eq!(summary, expected);
        assert_eq!(extended(None, [asked("\u{7}")]), None);
    }

    #[test]
    fn it_has_a_bound_and_the_newest_stay() {
        let long = "word ".repeat(100);
        let mut summary = None;
        for number in 0..200 {
            let question = format!("{number} {long}");
            summary = extended(summary.as_deref(), [asked(&question), answered(&long)]);
            let length = summary.as_deref().unwrap().chars().count();
            assert!((1..=MAX_SUMMARY).contains(&length), "{length}");
        }
        let summary = summary.unwrap();
        assert!(summary.contains("Visitor: 199 word"), "{summary}");
        assert!(!summary.contains("Visitor: 1 word"), "{summary}");
        assert!(summary.lines().all(|line| line.chars().count() < 180));
        assert!(summary.lines().count() >= 10, "{summary}");
        let wide = "ä".repeat(5_000);
        assert!(extended(None, [asked(&wide)]).unwrap().chars().count() <= MAX_PART + 12);
    }
}
