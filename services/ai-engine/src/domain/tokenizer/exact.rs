//! What is meant exactly: identifiers, addresses, versions, numbers in all their spellings.

use super::characters::is_word;
use super::is_exact_part;

/// Digits of a telephone number, an account or a card.
const LONG_NUMBER: std::ops::RangeInclusive<usize> = 7..=19;

/// What is meant exactly, in all the spellings under which it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExactTerm {
    /// As it is written first.
    pub(crate) forms: Vec<String>,
    /// Whether it is a part of another one, such as the host of an address.
    pub(crate) is_part: bool,
}

/// The exact terms in a run without white space: the whole, and the parts that are compounds too.
pub(super) fn compounds(chunk: &str) -> Vec<ExactTerm> {
    let mut found = Vec::new();
    for run in chunk.split(|c: char| !is_exact_part(c)) {
        let run = trim_signs(run).trim_start_matches(['+', '#']);
        push_compound(&mut found, run, false);
        // The host of an email address or a URL, the file of a path.
        for separator in ["://", "@", "/", "=", ":", "'"] {
            for part in run.split(separator).filter(|_| run.contains(separator)) {
                push_compound(&mut found, trim_signs(part), true);
            }
        }
    }
    found
}

/// A sign at the end belongs to the names of a few languages and units: `C#`, `C++`, `20%`.
fn trim_signs(text: &str) -> &str {
    text.trim_matches(|c: char| !is_word(c) && !matches!(c, '#' | '+' | '%'))
}

fn push_compound(found: &mut Vec<ExactTerm>, text: &str, is_part: bool) {
    let has_sign = text.contains(|c: char| !is_word(c));
    let has_digit = text.contains(|c: char| c.is_numeric());
    let has_letter = text.contains(char::is_alphabetic);
    // A word is a term already, and so is a number without signs.
    if has_sign || (has_digit && has_letter) {
        let forms = forms(text);
        found.push(ExactTerm { forms, is_part });
    }
}

/// The spellings under which a compound is found.
fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned()];
    if let Some(host) = text.strip_prefix("www.") {
        forms.push(host.to_owned());
    }
    if let Some(version) = text.strip_prefix('v')
        && version.starts_with(|c: char| c.is_ascii_digit())
        && version.contains('.')
    {
        forms.push(version.to_owned());
    }
    if is_number(text) {
        forms.extend(number_forms(text));
    }
    forms
}

/// Digits with single signs between groups.
fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | ',' | '/' | '\''))
}

fn number_forms(text: &str) -> Vec<String> {
    let groups: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).collect();
    let digits = groups.concat();
    let mut forms = Vec::new();
    if let [whole, fraction] = groups.as_slice()
        && text.contains(['.', ','])
    {
        // 3,5 and 3.5; 1.250 is either, so both readings are found.
        forms.push(format!("{whole}.{fraction}"));
    }
    if let Some(number) = grouped_decimal(text, &groups) {
        forms.push(number);
    }
    let grouped = groups.iter().skip(1).all(|group| group.len() == 3);
    if (grouped && !text.contains(['-', '/'])) || LONG_NUMBER.contains(&digits.len()) {
        forms.push(digits);
    }
    forms
}

/// `1.250,50`, `1,250.50` and `1'250.50` as `1250.50`: the last sign differs from those before.
fn grouped_decimal(text: &str, groups: &[&str]) -> Option<String> {
    let signs: Vec<char> = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    let (last, before) = signs.split_last()?;
    let first = before.first()?;
    let (fraction, whole) = groups.split_last()?;
    let is_grouped = whole.iter().skip(1).all(|group| group.len() == 3)
        && before.iter().all(|sign| sign == first);
    (matches!(last, '.' | ',') && last != first && is_grouped)
        .then(|| format!("{}.{fraction}", whole.concat()))
}

/// Numbers that are written in groups with spaces: `+34 600 123 456`, `1 250`.
pub(super) fn spaced_numbers(text: &str) -> Vec<ExactTerm> {
    let mut found = Vec::new();
    let mut groups: Vec<String> = Vec::new();
    let chunks = text.split_whitespace().map(Some).chain([None]);
    for chunk in chunks {
        let digits = chunk.and_then(group_of_number);
        let ends = chunk.is_some_and(|chunk| chunk.ends_with([',', ';', '.', ':', '?', '!']));
        if let Some(digits) = &digits {
            groups.push(digits.clone());
        }
        if digits.is_none() || ends {
            finish(&mut groups, &mut found);
        }
    }
    found
}

/// The digits of one group, such as `(0)30`, `123-456` or `+34`.
fn group_of_number(chunk: &str) -> Option<String> {
    let is_sign = |c: char| {
        matches!(
            c,
            '+' | '(' | ')' | '-' | '.' | ',' | '/' | '?' | '!' | ';' | ':'
        )
    };
    let only = chunk.chars().all(|c| c.is_ascii_digit() || is_sign(c));
    let digits: String = chunk.chars().filter(char::is_ascii_digit).collect();
    (only && !digits.is_empty()).then_some(digits)
}

fn finish(groups: &mut Vec<String>, found: &mut Vec<ExactTerm>) {
    let digits = groups.concat();
    let grouped = groups.iter().skip(1).all(|group| group.len() == 3);
    if groups.len() >= 2 && (grouped || LONG_NUMBER.contains(&digits.len())) {
        // With and without the country code, whose digits are the first group.
        let national: String = groups.iter().skip(1).map(String::as_str).collect();
        let mut forms = vec![digits];
        if LONG_NUMBER.contains(&national.len()) {
            forms.push(national);
        }
        let is_part = false;
        found.push(ExactTerm { forms, is_part });
    }
    groups.clear();
}
