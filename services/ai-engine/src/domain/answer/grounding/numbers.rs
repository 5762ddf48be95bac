//! Numbers, amounts and dates of a text in one form, however they are written.

mod spelled;

use std::collections::HashSet;

use crate::domain::answer::language::Language;

use spelled::{month, number_words, unit, word_value};

/// Digits of a telephone number or an account.
const LONG_NUMBER: std::ops::RangeInclusive<usize> = 7..=19;

/// A number with all readings of how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    /// The readings: `1.250` is 1250 or 1.25.
    pub(crate) forms: Vec<String>,
    /// The parts that may stand apart in a source; empty for a plain number.
    pub(crate) parts: Vec<String>,
    pub(crate) unit: Option<&'static str>,
}

/// The numbers of one text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    pub(crate) all: Vec<Number>,
    /// Dates with the month in letters, as year, month and day.
    dates: HashSet<String>,
}

impl Numbers {
    /// The numbers of a normalised text.
    pub(crate) fn of(text: &str, language: Language) -> Self {
        let tokens = tokens(text);
        let mut found = Self::default();
        let mut place = 0;
        while let Some(token) = tokens.get(place) {
            let mut taken = 1;
            if token.starts_with(|c: char| c.is_ascii_digit()) {
                taken = found.push_digits(&tokens[place..]);
            } else if let Some(value) = word_value(token, language) {
                taken = found.push_words(value, &tokens[place..], language);
            }
            place += taken;
        }
        found.dates = written_dates(&tokens);
        found
    }

    /// Takes a number that begins with digits, and returns how many tokens it has.
    fn push_digits(&mut self, tokens: &[String]) -> usize {
        // Groups of three that are separated by spaces: 1 250 000.
        let is_group =
            |token: &String| token.len() == 3 && token.bytes().all(|b| b.is_ascii_digit());
        let is_head = tokens[0].len() <= 3 && tokens[0].bytes().all(|b| b.is_ascii_digit());
        let groups = if is_head {
            tokens[1..]
                .iter()
                .take_while(|token| is_group(token))
                .count()
        } else {
            0
        };
        let taken = 1 + groups;
        let mut number = if groups > 0 {
            let parts = tokens[..taken].to_vec();
            Number {
                forms: vec![parts.concat()],
                parts: parts.iter().map(|part| plain(part)).collect(),
                unit: None,
            }
        } else {
            read(&tokens[0])
        };
        number.unit = unit_behind(&tokens[taken..]);
        self.all.push(number);
        taken
    }

    fn push_words(&mut self, first: u32, tokens: &[String], language: Language) -> usize {
        let mut value = first;
        let mut taken = 1;
        let next_value = |at: usize| tokens.get(at).and_then(|next| word_value(next, language));
        if value >= 20
            && let Some(ones) = next_value(1).filter(|ones| *ones < 10)
        {
            value += ones;
            taken = 2;
        }
        if tokens.get(taken).is_some_and(|next| next == "hundred") {
            value *= 100;
            taken += 1;
        }
        self.all.push(Number {
            forms: vec![value.to_string()],
            parts: Vec::new(),
            unit: unit_behind(&tokens[taken..]),
        });
        taken
    }

    /// Whether a number of another text stands here too.
    pub(crate) fn contain(&self, number: &Number) -> bool {
        let has = |form: &String| {
            self.dates.contains(form)
                || self.all.iter().any(|own| {
                    let same_unit =
                        own.unit.is_none() || number.unit.is_none() || own.unit == number.unit;
                    same_unit && (own.forms.contains(form) || own.parts.contains(form))
                })
        };
        number.forms.iter().any(has)
            || (!number.parts.is_empty() && !is_date(number) && number.parts.iter().all(has))
    }
}

impl Numbers {
    /// Whether a number stands here more often than in the other text, which has it too.
    pub(crate) fn repeat(&self, other: &Self) -> bool {
        let count = |numbers: &[Number], one: &Number| {
            let is_same = |number: &&Number| one.forms.iter().any(|f| number.forms.contains(f));
            numbers.iter().filter(is_same).count()
        };
        self.all.iter().any(|number| {
            let theirs = count(&other.all, number);
            theirs > 0 && count(&self.all, number) > theirs
        })
    }
}

/// A date must agree as a whole: its parts stand in every calendar.
fn is_date(number: &Number) -> bool {
    number
        .forms
        .iter()
        .any(|form| form.matches('-').count() == 2)
}

/// Words, numbers and signs of amounts.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for chunk in text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '[' | ']'))
    {
        let mut current = String::new();
        let mut previous = Kind::Other;
        let mut characters = chunk.chars().peekable();
        while let Some(c) = characters.next() {
            let next_is_digit = characters.peek().is_some_and(char::is_ascii_digit);
            let kind = match c {
                c if c.is_ascii_digit() => Kind::Digit,
                '.' | ',' | '\'' | ':' | '/' | '-' if previous == Kind::Digit && next_is_digit => {
                    Kind::Digit
                }
                c if c.is_alphabetic() => Kind::Letter,
                '-' if previous == Kind::Letter => Kind::Letter,
                '%' | '€' | '$' | '£' | '¥' => Kind::Sign,
                _ => Kind::Other,
            };
            if kind != previous || kind == Kind::Sign {
                push(&mut tokens, &mut current);
            }
            if kind != Kind::Other {
                current.push(c);
            }
            previous = kind;
        }
        push(&mut tokens, &mut current);
    }
    move_signs_behind(&mut tokens);
    tokens
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Digit,
    Letter,
    Sign,
    Other,
}

fn push(tokens: &mut Vec<String>, current: &mut String) {
    let token = std::mem::take(current);
    let is_word = token.contains(char::is_alphabetic) && token.contains('-');
    if is_word && !is_listed_number(&token) {
        tokens.extend(
            token
                .split('-')
                .filter(|part| !part.is_empty())
                .map(str::to_owned),
        );
    } else if is_range(&token) {
        tokens.extend(token.split('-').map(str::to_owned));
    } else if !token.is_empty() {
        tokens.push(token);
    }
}

/// `16-18` is two numbers; a date and a telephone number have more signs or more digits.
fn is_range(token: &str) -> bool {
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    token.matches('-').count() == 1 && !LONG_NUMBER.contains(&digits)
}

/// `dix-sept` and `quatre-vingt` are one word.
fn is_listed_number(token: &str) -> bool {
    number_words(Language::French)
        .split(' ')
        .any(|word| word == token)
}

/// `$5` is read as `5 $`.
fn move_signs_behind(tokens: &mut [String]) {
    for place in 1..tokens.len() {
        let is_amount = matches!(tokens[place - 1].as_str(), "€" | "$" | "£" | "¥")
            && tokens[place].starts_with(|c: char| c.is_ascii_digit());
        let follows_amount =
            place >= 2 && tokens[place - 2].starts_with(|c: char| c.is_ascii_digit());
        if is_amount && !follows_amount {
            tokens.swap(place - 1, place);
        }
    }
}

/// The unit behind a number. One word may stand between: `five working days`.
fn unit_behind(tokens: &[String]) -> Option<&'static str> {
    let [first, rest @ ..] = tokens else {
        return None;
    };
    let is_long_word = first.chars().filter(|c| c.is_alphabetic()).count() > 3;
    let second = rest.first().filter(|_| is_long_word);
    unit(first).or_else(|| second.and_then(|second| unit(second)))
}

/// Digits without zeros before or after.
fn plain(digits: &str) -> String {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

/// The readings of digits with signs between them.
fn read(token: &str) -> Number {
    let groups: Vec<&str> = token.split(|c: char| !c.is_ascii_digit()).collect();
    let signs: Vec<char> = token.chars().filter(|c| !c.is_ascii_digit()).collect();
    let digits = groups.concat();
    let parts = || groups.iter().map(|group| plain(group)).collect::<Vec<_>>();
    let (forms, parts) = match (groups.as_slice(), signs.as_slice()) {
        ([_], _) => (vec![plain(token)], Vec::new()),
        ([hours, minutes], [':']) => (vec![format!("{}:{minutes}", plain(hours))], Vec::new()),
        ([whole, fraction], ['.' | ',']) => {
            let mut forms = vec![plain(&format!("{whole}.{fraction}"))];
            if fraction.len() == 3 {
                forms.push(plain(&digits));
            }
            (forms, Vec::new())
        }
        ([a, b, c], ['-', '-'] | ['.', '.'] | ['/', '/']) if digits.len() <= 8 && a.len() != 3 => {
            (date_forms(a, b, c, token), parts())
        }
        ([whole @ .., fraction], [first, .., last])
            if first != last && matches!(last, '.' | ',') =>
        {
            (
                vec![plain(&format!("{}.{fraction}", whole.concat()))],
                Vec::new(),
            )
        }
        ([_, rest @ ..], [',' | '.' | '\'', ..]) if rest.iter().all(|group| group.len() == 3) => {
            (vec![plain(&digits)], Vec::new())
        }
        _ if LONG_NUMBER.contains(&digits.len()) => (vec![digits], parts()),
        _ => (vec![token.to_owned()], parts()),
    };
    Number {
        forms,
        parts,
        unit: None,
    }
}

/// A date as year, month and day. Day and month are read in both orders where both are possible.
fn date_forms(a: &str, b: &str, c: &str, token: &str) -> Vec<String> {
    let mut forms = vec![token.to_owned()];
    let [first, second, third] = [plain(a), plain(b), plain(c)];
    if a.len() == 4 {
        forms.push(format!("{first}-{second}-{third}"));
    } else if c.len() == 4 {
        forms.push(format!("{third}-{second}-{first}"));
        if token.contains('/') {
            forms.push(format!("{third}-{first}-{second}"));
        }
    }
    forms
}

/// Dates such as `14 March 2027`, `March 14, 2027` and `14. März 2027`.
fn written_dates(tokens: &[String]) -> HashSet<String> {
    let number = |at: Option<usize>| {
        let token = tokens.get(at?)?;
        token
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| plain(token))
    };
    let mut dates = HashSet::new();
    for (place, token) in tokens.iter().enumerate() {
        let Some(month) = month(token) else { continue };
        let skips_of = |at: usize| tokens.get(at).is_some_and(|t| t == "de" || t == "of");
        let day_before = place.checked_sub(if place >= 2 && skips_of(place - 1) {
            2
        } else {
            1
        });
        let after = if skips_of(place + 1) {
            place + 2
        } else {
            place + 1
        };
        for (day, year) in [
            (number(day_before), number(Some(after))),
            (number(Some(place + 1)), number(Some(place + 2))),
        ] {
            if let (Some(day), Some(year)) = (day, year)
                && year.len() == 4
            {
                dates.insert(format!("{year}-{month}-{day}"));
            }
        }
    }
    dates
}

#[cfg(test)]
mod tests;
