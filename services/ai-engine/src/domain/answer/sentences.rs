//! Splits a text into sentences, in all scripts. Abbreviations, decimals and initials end none.

use crate::domain::index::joining::CELL_SEPARATOR;

/// Words, in lower case and without the last full stop, after which a full stop ends no sentence.
const ABBREVIATIONS: &str = "mr mrs ms dr prof st sr jr vs etc e.g i.e eg ie cf approx no nos vol \
    fig figs p pp ed eds inc ltd co corp dept est al ca jan feb mar apr jun jul aug sep sept oct \
    nov dec mon tue wed thu fri sat sun gen col lt sgt rev hon a.m p.m u.s u.k ph.d sra srta dra \
    ud uds pág págs núm tel av avda ej p.ej aprox art z.b d.h u.a o.ä bzw ggf usw evtl inkl zzgl \
    ca nr str vgl abs s. z d u hr fr hrsg bspw mind max min m mme mlle mm c.-à-d p.ex ex env sig \
    sigg dott ecc pag n cap sec ch";
/// Names of months and days that follow a German ordinal number: `am 3. März`.
const AFTER_ORDINAL: &str = "januar februar märz april mai juni juli august september oktober \
    november dezember jahrhundert klasse stock etage tag woche montag dienstag mittwoch donnerstag \
    freitag samstag sonntag quartal mal auflage";
/// Letters of the longest abbreviation.
const MAX_ABBREVIATION: usize = 12;

/// The sentences of a text, each with the white space behind it. Joined, they are the text. A
/// sentence but the last never changes when text is appended, so they can be taken from a stream.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut from = 0;
    while let Some(end) = next_end(text, start, from) {
        match end {
            End::At(at) => {
                found.push(&text[start..at]);
                start = at;
                from = at;
            }
            End::NoneBefore(at) => from = at,
        }
    }
    if start < text.len() {
        found.push(&text[start..]);
    }
    found
}

enum End {
    /// The sentence ends before this byte.
    At(usize),
    /// A sign that ends none; the search goes on from here.
    NoneBefore(usize),
}

/// The next sign at or after `from` that may end the sentence that begins at `start`.
fn next_end(text: &str, start: usize, from: usize) -> Option<End> {
    let (offset, sign) = text[from..].char_indices().find(|(_, c)| may_end(*c))?;
    let at = from + offset;
    let after = at + sign.len_utf8();
    if sign == '\n' {
        return Some(if is_line_end(text, start, at) {
            End::At(skip_space(text, after))
        } else {
            End::NoneBefore(after)
        });
    }
    let closed = skip_closers(text, after);
    let next = text[closed..].chars().next();
    let is_full_width = matches!(sign, '。' | '！' | '？' | '｡' | '।' | '॥');
    if !is_full_width && next.is_some_and(|c| !c.is_whitespace()) {
        return Some(End::NoneBefore(after));
    }
    if sign == '.' && !ends_with_full_stop(text, start, at, closed) {
        return Some(End::NoneBefore(after));
    }
    Some(match citations_end(text, closed) {
        Some(end) => End::At(skip_space(text, end)),
        None => End::NoneBefore(text.len()),
    })
}

const fn may_end(c: char) -> bool {
    matches!(
        c,
        '.' | '!' | '?' | '…' | '。' | '！' | '？' | '｡' | '।' | '॥' | '؟' | '۔' | '\n'
    )
}

/// Whether the line break ends a sentence: not if the sentence goes on in the next line.
fn is_line_end(text: &str, start: usize, at: usize) -> bool {
    let rest = text[at + 1..].trim_start_matches([' ', '\t', '\r']);
    let goes_on = rest.starts_with(|c: char| c.is_lowercase() || matches!(c, '(' | ',' | '„'));
    let line = &text[start..at];
    let is_prose = !line.contains(CELL_SEPARATOR)
        && !matches!(
            line.trim_start().chars().next(),
            Some('|' | '#' | '>' | '-' | '*' | '•') | None
        );
    let is_finished = text[..at].trim_end().ends_with([':', ';']);
    !(goes_on && is_prose && !is_finished)
}

fn skip_space(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    from + rest.len() - rest.trim_start().len()
}

fn skip_closers(text: &str, from: usize) -> usize {
    let is_closer = |c: char| {
        matches!(
            c,
            '"' | '”'
                | '\''
                | '’'
                | ')'
                | ']'
                | '»'
                | '」'
                | '』'
                | '）'
                | '*'
                | '_'
                | '.'
                | '!'
                | '?'
        )
    };
    let rest = &text[from..];
    from + rest.len() - rest.trim_start_matches(is_closer).len()
}

/// The end of the citations, such as `[1]`, that stand behind a sentence. None if the text ends
/// within one.
fn citations_end(text: &str, from: usize) -> Option<usize> {
    let mut end = from;
    loop {
        let next = skip_space(text, end);
        let rest = &text[next..];
        let Some(inner) = rest.strip_prefix(['[', '【']) else {
            return Some(end);
        };
        let is_inside = |c: char| c.is_ascii_digit() || matches!(c, ',' | ' ' | '-' | '–' | ';');
        let body = inner.trim_start_matches(is_inside);
        match body.chars().next() {
            None => return None,
            Some(close @ (']' | '】')) if body.len() < inner.len() => {
                end = text.len() - body.len() + close.len_utf8();
                // A full stop may stand behind the citation.
                end = skip_closers(text, end);
            }
            Some(_) => return Some(end),
        }
    }
}

/// Whether the full stop at that byte ends the sentence.
fn ends_with_full_stop(text: &str, start: usize, at: usize, closed: usize) -> bool {
    let word_start = text[start..at]
        .rfind(|c: char| c.is_whitespace() || matches!(c, '(' | '“' | '"' | '['))
        .map_or(start, |space| {
            start
                + space
                + text[start + space..]
                    .chars()
                    .next()
                    .map_or(1, char::len_utf8)
        });
    let word = &text[word_start..at];
    let next_text = text[closed..].trim_start();
    let next_word: String = next_text
        .chars()
        .take_while(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    if next_text.starts_with(char::is_lowercase) && !is_new_line(text, closed) {
        return false;
    }
    if word.len() <= MAX_ABBREVIATION && is_in(ABBREVIATIONS, &word.to_lowercase()) {
        // `etc.` may stand at the end, but then the next sentence is joined, which does no harm.
        return next_text.is_empty();
    }
    let mut letters = word.chars();
    let is_initial =
        matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase());
    if is_initial {
        return next_text.is_empty();
    }
    let is_short_number = word.len() <= 2 && word.chars().all(|c| c.is_ascii_digit());
    let is_marker = is_short_number && text[start..word_start].trim().is_empty();
    let is_ordinal = is_short_number && is_in(AFTER_ORDINAL, &next_word);
    !(word.is_empty() || is_marker || is_ordinal)
}

fn is_new_line(text: &str, from: usize) -> bool {
    let rest = &text[from..];
    rest[..rest.len() - rest.trim_start().len()].contains('\n')
}

fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

#[cfg(test)]
mod tests {
    use super::split;

    fn trimmed(text: &str) -> Vec<&str> {
        split(text).into_iter().map(str::trim).collect()
    }

    #[test]
    fn sentences_of_all_scripts_are_split() {
        for (text, count) in [
            ("One. Two! Three? Four… Five.", 5),
            ("睡前八小时不要喝咖啡。可以退款吗？可以！", 3),
            ("コーヒーは控えてください。水は飲めます。", 2),
            ("यह पहला वाक्य है। यह दूसरा है।", 2),
            ("هل يوجد موقف؟ نعم. شكرا.", 3),
            ("یہ پہلا جملہ ہے۔ یہ دوسرا ہے۔", 2),
            ("He said “Stop.” Then he left.", 2),
            ("First line\nSecond line", 2),
            ("A line that goes\non in the next one. Two.", 2),
            ("- one\n- two\n- three", 3),
            ("Prices:\n- ten\n- twenty", 3),
            ("Rest early. [1] Walk [2]. Sleep.", 3),
        ] {
            assert_eq!(trimmed(text).len(), count, "{:?}", trimmed(text));
            assert_eq!(split(text).concat(), text);
        }
    }

    #[test]
    fn abbreviations_decimals_and_initials_end_no_sentence() {
        for text in [
            "Dr. Ruiz sees patients, e.g. children, at 3.5 km.",
            "J. R. Ewing paid $5.20 at 4 p.m. on Monday.",
            "Das gilt z. B. am 3. März 2027 bzw. später.",
            "See fig. 3 and vol. 2 of the U.S. edition.",
            "Visit www.example.org or mail a.b@example.org today.",
            "1. Breathe in slowly.",
            "Version 1.2.3 is out.",
        ] {
            assert_eq!(trimmed(text), [text]);
        }
    }

    #[test]
    fn sentences_but_the_last_do_not_change_when_text_is_appended() {
        let text = "Dr. Who said: “No.” [1, 2] Then 3.5 km. [3]\n\n- a list e.g. this\n- end. 好。 \
            And J. Doe left?! Yes [1]. He paid 5.\nNot more. No";
        let mut shown = String::new();
        for (at, c) in text.char_indices() {
            let sentences = split(&text[..at + c.len_utf8()]);
            let (_, complete) = sentences.split_last().unwrap();
            let complete = complete.concat();
            assert!(
                complete.starts_with(&shown),
                "{shown:?} became {complete:?}"
            );
            shown = complete;
        }
    }
}
