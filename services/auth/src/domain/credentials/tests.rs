//! The spellings of one password.

use super::{NewPassword, PasswordText};

fn typed(text: &str) -> PasswordText {
    PasswordText::try_from(text.to_owned()).unwrap()
}

/// What is hashed when the password is set.
fn set(text: &str) -> String {
    let new = NewPassword::try_from(text.to_owned()).unwrap();
    new.as_str().to_owned()
}

#[test]
fn spellings_of_one_password_are_the_same() {
    for (spelling, prepared) in [
        ("Caf\u{e9}-7-Lantern", "Caf\u{e9}-7-Lantern"),
        ("Cafe\u{301}-7-Lantern", "Caf\u{e9}-7-Lantern"),
        // Marks in another order, and a character of two marks.
        ("q\u{307}\u{323}7", "q\u{323}\u{307}7"),
        ("A\u{30a}\u{301}7", "\u{1fa}7"),
        // The Angstrom sign, and a Hangul syllable in its parts.
        ("\u{212b}7", "\u{c5}7"),
        ("\u{1112}\u{1161}\u{11ab}7", "\u{d55c}7"),
        // The spaces of Japanese, French and mathematical keyboards.
        ("one\u{3000}two", "one two"),
        ("one\u{a0}two\u{202f}three", "one two three"),
        ("one\u{1680}two\u{2003}\u{205f}three", "one two  three"),
    ] {
        assert_eq!(set(spelling), prepared, "{spelling:?}");
        let compared = typed(spelling);
        assert_eq!(compared.prepared().expose(), prepared, "{spelling:?}");
        let raw = compared.raw().map(|raw| raw.expose().as_str());
        let differs = spelling != prepared;
        assert_eq!(raw, differs.then_some(spelling), "{spelling:?}");
    }
}

#[test]
fn what_differs_stays_different() {
    // Full width, ligatures, case, spaces at the ends, and an emoji with its variation selector.
    for text in [
        "\u{ff30}\u{ff41}\u{ff53}\u{ff53}",
        "\u{fb01}ne",
        "ABC",
        " abc ",
        "\u{2764}\u{fe0f}",
        "\u{1f469}\u{200d}\u{1f52c}",
    ] {
        assert_eq!(set(text), text);
        assert!(typed(text).raw().is_none());
    }
}

#[test]
fn the_length_is_that_of_the_prepared_password() {
    let decomposed = "e\u{301}".repeat(128);
    assert_eq!(set(&decomposed), "\u{e9}".repeat(128));
    // No hash was ever made of 256 characters.
    assert!(typed(&decomposed).raw().is_none());
    for text in [String::new(), "x".repeat(129), "e\u{301}".repeat(129)] {
        assert!(NewPassword::try_from(text.clone()).is_err(), "{text}");
        assert!(PasswordText::try_from(text.clone()).is_err(), "{text}");
    }
    // Composition can also add characters: U+0958 is always written as two. An earlier version
    // accepted this one.
    let longer = "\u{958}".repeat(65);
    assert!(NewPassword::try_from(longer.clone()).is_err());
    assert_eq!(typed(&longer).raw().unwrap().expose(), &longer);
}

#[test]
fn control_characters_are_refused_in_new_passwords_only() {
    for text in ["a\tb", "a\0b", "\u{7f}", "a\u{85}b", "a\nb"] {
        assert!(NewPassword::try_from(text.to_owned()).is_err(), "{text:?}");
        // A password that was set before stays usable.
        assert_eq!(typed(text).prepared().expose(), text);
    }
}
