//! Tests of numbers, amounts and dates in different spellings.

use super::*;

fn stands_in(claim: &str, source: &str) -> bool {
    let language = Language::detect(source);
    let source = Numbers::of(&source.to_lowercase(), language);
    let claim = Numbers::of(&claim.to_lowercase(), language);
    assert!(!claim.all.is_empty(), "a claim has a number");
    claim.all.iter().all(|number| source.contain(number))
}

#[test]
fn the_same_number_is_recognised_in_other_spellings() {
    for (claim, source) in [
        ("1,250 people", "1250 people"),
        ("1.250 Euro", "der Preis ist 1250 €"),
        ("1 250 euros", "it costs €1,250 in all"),
        ("3 hours", "it takes three hours and more"),
        ("24 hours", "within twenty-four hours of the start"),
        ("120 dollars", "a price of $120 is due"),
        ("3,5 km", "es sind 3.5 km bis dahin"),
        ("20 percent", "a discount of 20% is given"),
        ("2027-03-14", "on 14 March 2027 it begins"),
        ("14.03.2027", "on March 14, 2027 it begins"),
        ("16 and 18 degrees", "between 16-18 degrees"),
        ("+34 600 123 456", "call +34 600 123 456 now"),
        ("34600123456", "call +34 600 123 456 now"),
        ("8", "at 08 in the morning"),
    ] {
        assert!(stands_in(claim, source), "{claim} in {source}");
    }
}

#[test]
fn another_number_is_another_number() {
    for (claim, source) in [
        ("1,350 people", "1250 people"),
        ("12.5 people", "125 people"),
        ("four hours", "it takes three hours and more"),
        ("€120", "a price of $120 is due"),
        ("5 weeks", "within 5 days"),
        ("five weeks", "within five working days"),
        ("5 billion", "about 5 million people"),
        ("2027-03-15", "on 14 March 2027 it begins, at 15"),
        ("+34 600 123 457", "call +34 600 123 456 now"),
        ("17:30", "it begins at 17:45"),
    ] {
        assert!(!stands_in(claim, source), "{claim} in {source}");
    }
}
