//! The rules for new passwords: long enough, varied, and not easy to guess.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

/// The lowest value of the setting for the minimum length.
pub(crate) const MIN_LENGTH: usize = 8;
/// Longest password, characters.
pub(crate) const MAX_LENGTH: usize = 128;

/// Neighbours in the alphabet or on the keyboard that form a run; three occur in normal words.
const RUN_LENGTH: usize = 4;
/// Equal characters in a row that are too many.
const MAX_REPEATS: usize = 3;
/// Shorter parts of personal information occur by chance.
const MIN_PERSONAL_LENGTH: usize = 4;

const KEYBOARD: [&str; 7] = [
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
    "1qaz2wsx3edc4rfv",
    "qazwsxedcrfvtgb",
];

/// Passwords that attackers try first, in lower case, one a line.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("password/often_used.txt").lines().collect());

/// A rule that a password breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    TooShort { min: usize },
    NoLower,
    NoUpper,
    NoDigit,
    NoSpecial,
    Repeated,
    Sequence,
    Keyboard,
    Common,
    Personal,
    Breached,
}

impl Violation {
    /// The stable code of the API.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::NoLower => "no_lower_case",
            Self::NoUpper => "no_upper_case",
            Self::NoDigit => "no_digit",
            Self::NoSpecial => "no_special_character",
            Self::Repeated => "repeated_character",
            Self::Sequence => "sequence",
            Self::Keyboard => "keyboard_run",
            Self::Common => "common",
            Self::Personal => "personal_information",
            Self::Breached => "breached",
        }
    }

    /// The message for people.
    pub(crate) fn message(self) -> String {
        let text = match self {
            Self::TooShort { min } => return format!("must have at least {min} characters"),
            Self::NoLower => "must contain a lower-case letter",
            Self::NoUpper => "must contain an upper-case letter",
            Self::NoDigit => "must contain a digit",
            Self::NoSpecial => "must contain a character that is neither letter nor digit",
            Self::Repeated => "must not repeat a character three times in a row",
            Self::Sequence => "must not contain a sequence such as abcd or 4321",
            Self::Keyboard => "must not contain a run of the keyboard such as qwer",
            Self::Common => "is a variation of a common password",
            Self::Personal => "must not contain your name, e-mail address or company",
            Self::Breached => "was leaked elsewhere, and attackers know it",
        };
        text.to_owned()
    }

    const fn suggestion(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "Use four or more unrelated words; length counts most.",
            Self::NoLower | Self::NoUpper => "Mix upper and lower case.",
            Self::NoDigit => "Put digits in the middle rather than at the end.",
            Self::NoSpecial => "Separate words with - or another special character.",
            Self::Repeated => "Replace repeated characters by different ones.",
            Self::Sequence | Self::Keyboard => "Avoid neighbours in alphabet and on keyboard.",
            Self::Breached => "Choose one that you use nowhere else.",
            Self::Common => "Avoid well-known passwords, also with digits for letters.",
            Self::Personal => "Choose words that have nothing to do with you.",
        }
    }
}

/// The rating of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assessment {
    /// 0 to 100; below 60 when a rule is broken.
    pub(crate) score: u8,
    pub(crate) violations: Vec<Violation>,
}

impl Assessment {
    /// How to improve the password, each suggestion once.
    pub(crate) fn suggestions(&self) -> Vec<&'static str> {
        let mut suggestions: Vec<_> = self.violations.iter().map(|v| v.suggestion()).collect();
        suggestions.dedup();
        if suggestions.is_empty() && self.score < 80 {
            suggestions.push("Make it longer: length counts most.");
        }
        suggestions
    }
}

/// The rules, with the minimum length that the platform requires.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PasswordRules {
    min_length: usize,
}

impl PasswordRules {
    pub(crate) const fn new(min_length: usize) -> Self {
        Self { min_length }
    }

    /// Checks every rule. `personal` is what is known about the owner: names, email, company.
    pub(crate) fn assess(self, password: &str, personal: &[&str]) -> Assessment {
        let folded = password.to_lowercase();
        let plain = undo_substitutions(&folded);
        let min = self.min_length;
        let has = |class: fn(char) -> bool| password.chars().any(class);
        let findings = [
            (password.chars().count() < min, Violation::TooShort { min }),
            (!has(char::is_lowercase), Violation::NoLower),
            (!has(char::is_uppercase), Violation::NoUpper),
            (!has(char::is_numeric), Violation::NoDigit),
            (!has(|c| !c.is_alphanumeric()), Violation::NoSpecial),
            (has_repeats(&folded), Violation::Repeated),
            (has_sequence(&folded), Violation::Sequence),
            (has_keyboard_run(&folded), Violation::Keyboard),
            (is_common(&folded), Violation::Common),
            (
                is_personal(&[&folded, &plain], personal),
                Violation::Personal,
            ),
        ];
        let violations: Vec<_> = findings
            .into_iter()
            .filter_map(|(broken, violation)| broken.then_some(violation))
            .collect();
        Assessment {
            score: score(password, &violations),
            violations,
        }
    }
}

/// Length counts most, then variety; each violation costs points.
fn score(password: &str, violations: &[Violation]) -> u8 {
    let length = password.chars().count().min(20);
    let distinct = password.chars().collect::<BTreeSet<_>>().len().min(10);
    let classes: [fn(char) -> bool; 4] = [
        char::is_lowercase,
        char::is_uppercase,
        char::is_numeric,
        |c| !c.is_alphanumeric(),
    ];
    let used_classes = classes
        .iter()
        .filter(|class| password.chars().any(**class))
        .count();
    let earned = length * 3 + distinct * 2 + used_classes * 5;
    let lost = 15 * violations.len();
    let max = if violations.is_empty() { 100 } else { 59 };
    u8::try_from(earned.saturating_sub(lost).min(max)).unwrap_or(100)
}

/// Maps digits and signs back to the letters that they stand for: `p@ssw0rd` is `password`.
fn undo_substitutions(text: &str) -> String {
    let plain = |c| match c {
        '@' | '4' => 'a',
        '3' => 'e',
        '1' | '!' => 'i',
        '0' => 'o',
        '$' | '5' => 's',
        '7' => 't',
        other => other,
    };
    text.chars().map(plain).collect()
}

fn has_repeats(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    characters
        .windows(MAX_REPEATS)
        .any(|part| part.iter().all(|c| *c == part[0]))
}

/// Consecutive characters, ascending or descending: `abcd`, `9876`.
fn has_sequence(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    characters.windows(RUN_LENGTH).any(|part| {
        let steps = |by: i64| {
            part.windows(2)
                .all(|pair| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0])) == by)
        };
        part.iter().all(|c| c.is_alphanumeric()) && (steps(1) || steps(-1))
    })
}

fn has_keyboard_run(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    characters.windows(RUN_LENGTH).any(|part| {
        let forward: String = part.iter().collect();
        let backward: String = part.iter().rev().collect();
        let along = |row: &&str| row.contains(&forward) || row.contains(&backward);
        KEYBOARD.iter().any(along)
    })
}

/// Whether the password, with or without decoration at its ends and with substitutions undone, is
/// a common one: `Summer2024!` is `summer`, `P@ssw0rd1` is `password`.
fn is_common(text: &str) -> bool {
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    let word = text.trim_matches(|c: char| !c.is_alphabetic());
    let known = |form: &&str| COMMON.contains(form) || COMMON.contains(&*undo_substitutions(form));
    [text, bare, word].iter().any(known)
}

fn is_personal(forms: &[&str], personal: &[&str]) -> bool {
    let folded: Vec<String> = personal.iter().map(|text| text.to_lowercase()).collect();
    let words = folded
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    words
        .filter(|word| word.chars().count() >= MIN_PERSONAL_LENGTH)
        .any(|word| forms.iter().any(|form| form.contains(word)))
}

#[cfg(test)]
mod tests;
