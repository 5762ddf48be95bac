//! Each rule with passwords that break it and passwords that do not.

use proptest::prelude::*;

use super::*;

const RULES: PasswordRules = PasswordRules::new(10);

fn broken(password: &str, personal: &[&str]) -> Vec<&'static str> {
    let violations = RULES.assess(password, personal).violations;
    violations.into_iter().map(Violation::code).collect()
}

#[test]
fn a_good_password_breaks_no_rule() {
    for password in [
        "Lantern-7-Harbour",
        "gJ#9vQ2!mX4z",
        "Über-Straße-42-Äpfel",
        "understand First 88 Hijacks!", // normal words contain runs of three
    ] {
        assert_eq!(
            broken(password, &["ana@example.com", "Ana Lima"]),
            [""; 0],
            "{password}"
        );
    }
}

#[test]
fn each_rule_is_broken_by_its_example_alone() {
    for (password, rule) in [
        ("gJ#9vQ2!m", "too_short"),
        ("GJ#9VQ2!MX4Z", "no_lower_case"),
        ("gj#9vq2!mx4z", "no_upper_case"),
        ("gJ#kvQw!mXpz", "no_digit"),
        ("gJ79vQ2kmX4z", "no_special_character"),
        ("gJ#999vQ2!mX", "repeated_character"),
        ("gJ#9AaavQ2!m", "repeated_character"),
        ("gJ#abCd9vQ2!", "sequence"),
        ("gJ#9876vQk!m", "sequence"),
        ("gJ#WERtz9v2!", "keyboard_run"),
        ("gJ#lkJh9v2!k", "keyboard_run"),
        ("P@ssw0rd!!", "common"),
        ("Summer2024!", "common"),
        ("#Liverpool1", "common"),
    ] {
        assert_eq!(broken(password, &[]), [rule], "{password}");
    }
}

#[test]
fn personal_information_is_refused_also_with_substitutions() {
    let owner = ["ana.lima@studio.example", "Anabel Lima", "Harbour Coaching"];
    for password in [
        "xX9#anabel-Q",
        "xX9#4n4b3l-Q",
        "9#Harbour-Qx",
        "xQ9#Studio-w",
    ] {
        assert_eq!(
            broken(password, &owner),
            ["personal_information"],
            "{password}"
        );
    }
    let short = broken("xX9#ana-Qwk!", &owner);
    assert_eq!(short, [""; 0], "three letters occur by chance");
}

#[test]
fn the_minimum_length_is_the_configured_one() {
    let assessed = PasswordRules::new(14).assess("gJ#9vQ2!mX4z", &[]);
    assert_eq!(assessed.violations, [Violation::TooShort { min: 14 }]);
    assert!(Violation::TooShort { min: 14 }.message().contains("14"));
}

#[test]
fn more_length_scores_higher_and_a_broken_rule_stays_below_sixty() {
    let score = |password| RULES.assess(password, &[]).score;
    assert!(score("gJ#9vQ2!mX") < score("gJ#9vQ2!mX4zkp"));
    assert_eq!(score("Lantern-7-Harbour-Violet"), 100);
    assert!(score("P@ssw0rd-P@ssw0rd-P@ssw0rd-999") < 60);
    assert_eq!(score(""), 0);
}

#[test]
fn every_violation_comes_with_a_suggestion() {
    let assessed = RULES.assess("aaa", &[]);
    assert!(assessed.violations.len() >= 4);
    assert!(!assessed.suggestions().is_empty());
    assert!(
        RULES
            .assess("Lantern-7-Harbour-Violet", &[])
            .suggestions()
            .is_empty()
    );
}

#[test]
fn the_list_of_common_passwords_is_lower_case_and_trimmed() {
    assert!(COMMON.len() > 370, "{}", COMMON.len());
    assert!(
        COMMON
            .iter()
            .all(|word| !word.is_empty() && *word == word.trim().to_lowercase())
    );
}

proptest! {
    #[test]
    fn every_text_has_a_consistent_score(password in ".{0,140}", personal in ".{0,60}") {
        let assessed = RULES.assess(&password, &[&personal]);
        prop_assert!(assessed.score <= 100);
        prop_assert!(assessed.violations.is_empty() || assessed.score < 60);
    }
}
