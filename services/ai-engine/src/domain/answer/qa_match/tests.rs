//! Which questions ask the same.

use super::Likeness::{Different, OneLess, Same};
use super::*;

fn likeness(asked: &str, question: &str) -> Likeness {
    ComparedQuestion::new(asked).likeness(question)
}

#[test]
fn the_same_in_other_words_is_the_same() {
    for (asked, question) in [
        (
            "What does the Gold plan cost?",
            "How much is the Gold plan?",
        ),
        ("price of the gold plan", "How much is the Gold plan?"),
        (
            "Hi! How much is the Gold plan, please?",
            "How much is the Gold plan?",
        ),
        (
            "Is it possible to cancel my membership?",
            "Can I cancel my membership?",
        ),
        (
            "What is the duration of a session?",
            "How long is a session?",
        ),
        ("What is your address?", "Where are you located?"),
        ("Can I get my money back?", "Do you offer refunds?"),
        ("What are your business hours?", "When are you open?"),
        ("¿Qué precio tiene el curso?", "¿Cuánto cuesta el curso?"),
        ("cuanto vale el curso", "¿Cuánto cuesta el curso?"),
        ("Wie teuer ist das Abo?", "Was kostet das Abo?"),
        ("Quel est le prix d'un cours ?", "Combien coûte un cours ?"),
        ("Qual é o preço da consulta?", "Quanto custa a consulta?"),
        (
            "Qual è il prezzo della lezione?",
            "Quanto costa la lezione?",
        ),
    ] {
        assert_eq!(likeness(asked, question), Same, "{asked} / {question}");
    }
}

#[test]
fn another_thing_is_another_question() {
    for (asked, question) in [
        ("How much is the Silver plan?", "How much is the Gold plan?"),
        ("Why can't I cancel?", "Can I cancel?"),
        ("Can I not cancel?", "Can I cancel?"),
        ("How do I cancel?", "Can I cancel?"),
        ("When can I cancel?", "Can I cancel?"),
        ("Is the X200 quiet?", "Is the X300 quiet?"),
        ("Do you teach C++?", "Do you teach C#?"),
        ("Can I pay in 6 instalments?", "Can I pay in 3 instalments?"),
        ("Can I eat after the class?", "Can I eat before the class?"),
        (
            "Is there a bus from Rome to Paris?",
            "Is there a bus from Paris to Rome?",
        ),
        ("What is my address?", "What is your address?"),
        (
            "How much time is the Gold plan?",
            "How much is the Gold plan?",
        ),
        ("¿Puedo pagar sin tarjeta?", "¿Puedo pagar con tarjeta?"),
        ("Warum kann ich nicht kündigen?", "Kann ich kündigen?"),
        ("キャンセルできませんか？", "キャンセルできますか？"),
        ("Who are you?", "What are you?"),
        ("", "What are you?"),
    ] {
        assert_eq!(likeness(asked, question), Different, "{asked} / {question}");
    }
}

#[test]
fn nearness_decides_about_one_word_of_the_pair() {
    let (asked, longer) = ("How much is a session?", "How much is a coaching session?");
    assert_eq!(likeness(asked, longer), OneLess);
    assert_eq!(likeness(longer, asked), Different);
    assert!(Same.is_enough(None) && !OneLess.is_enough(None));
    assert!(OneLess.is_enough(Some(1.0)) && !OneLess.is_enough(Some(0.5)));
    assert!(!Different.is_enough(Some(1.0)));
}

#[test]
fn of_two_pairs_that_are_as_near_none_is_chosen() {
    let possible = |pair, likeness, nearness| PossiblePair {
        pair,
        likeness,
        nearness: Some(nearness),
    };
    assert_eq!(choose::<u8>(&[]), None);
    let clear = [possible(1, OneLess, 0.9), possible(2, OneLess, 0.99)];
    assert_eq!(choose(&clear), Some(2));
    let unclear = [possible(1, OneLess, 0.97), possible(2, OneLess, 0.99)];
    assert_eq!(choose(&unclear), None);
    let one = [possible(1, OneLess, 0.97), possible(1, OneLess, 0.99)];
    assert_eq!(choose(&one), Some(1));
    let same = [possible(1, OneLess, 0.99), possible(2, Same, 0.9)];
    assert_eq!(choose(&same), Some(2));
}
