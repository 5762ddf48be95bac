//! What is counted of a question, and what is refused.

use super::*;

fn passage<'a>(title: &'a str, text: &'a str, nearness: f32) -> Evidence<'a> {
    Evidence {
        document: 1,
        title,
        heading: None,
        text,
        nearness: Some(nearness),
    }
}

const SIGNAL: &str = "Signal is a privacy-focused messaging app that is run by a nonprofit. \
    End-to-end encryption ensures that only sender and recipient read a message.";
const PRICES: &str = "Service | Price | Duration\nChain replacement | 40 | 30 minutes";

#[test]
fn what_is_asked_for_and_is_missing_is_counted() {
    let question = "Which encryption algorithm does Signal use in version 3.1?";
    let found = features(question, &[passage("", SIGNAL, 0.4)]).unwrap();
    let asked = "algorithm, and encryption in another sentence than Signal";
    assert!(
        (found.counts.asked - 2.0).abs() < 0.01,
        "{asked}: {found:?}"
    );
    assert!(found.counts.names < 0.01, "Signal is there: {found:?}");
    assert!(is_answered("What is Signal?", &[passage("", SIGNAL, 0.3)]));
}

#[test]
fn a_far_passage_without_what_is_asked_for_answers_nothing() {
    let text = "Docker Swarm runs replicated services on every node of a cluster.";
    let question = "What are the volume claim templates of a StatefulSet in Kubernetes?";
    assert!(!is_answered(question, &[passage("", text, 0.1)]));
    let question = "What does Docker Swarm run on a node?";
    assert!(is_answered(question, &[passage("", text, 0.4)]));
}

#[test]
fn a_question_of_which_nothing_is_missing_is_answered_however_far_the_passage_is() {
    for question in [
        "How much is a new chain?",
        "chain replacement",
        "What does it cost?",
        "And why is that?",
        "What are 3 things to know about the chain?",
    ] {
        assert!(
            is_answered(question, &[passage("", PRICES, 0.0)]),
            "{question}"
        );
    }
}

#[test]
fn words_say_nothing_about_a_passage_in_another_language() {
    let german = "Der Grundkurs findet jeden Samstag statt und dauert vier Stunden.";
    let question = "What membership tariff applies to students?";
    assert_eq!(features(question, &[passage("", german, 0.1)]), None);
    assert_eq!(
        features("睡前八小时可以喝咖啡吗？", &[passage("", SIGNAL, 0.1)]),
        None
    );
    assert_eq!(features("Which algorithm?", &[]), None);
}

#[test]
fn an_abbreviation_is_known_by_the_words_that_it_stands_for() {
    let text = "The International Baccalaureate reviews its courses every seven years.";
    let found = features("What does the IB review?", &[passage("", text, 0.3)]).unwrap();
    assert!(found.counts.names < 0.01, "{found:?}");
    let found = features("What does the SBA review?", &[passage("", text, 0.3)]).unwrap();
    assert!((found.counts.names - 1.0).abs() < 0.01, "{found:?}");
}

#[test]
fn what_is_true_now_is_not_told_by_what_was_true_in_a_year() {
    let dated = "In January 2023 the yield of bonds stood at 3.5 percent.";
    let undated = "The yield of our bonds is 3.5 percent.";
    let question = "What is the current yield of bonds?";
    let of = |text| {
        features(question, &[passage("", text, 0.3)])
            .unwrap()
            .counts
            .present
    };
    assert!(of(dated) > 0.9 && of(undated) < 0.1);
}

#[test]
fn the_document_that_has_most_of_the_question_counts() {
    let other = Evidence {
        document: 2,
        ..passage(
            "",
            "Chains are replaced in the workshop within an hour.",
            0.1,
        )
    };
    let question = "Which encryption does Signal have?";
    let found = features(question, &[other, passage("", SIGNAL, 0.3)]).unwrap();
    assert!(found.counts.names < 0.01 && found.has_all, "{found:?}");
}

#[test]
fn words_in_sentences_about_other_things_are_apart() {
    let text = "In California the penalty for drunk driving is a fine of 390 dollars. \
        Texas earned three stars for its roads in 2019.";
    let question = "What is the penalty for drunk driving in Texas in 2019?";
    let found = features(question, &[passage("", text, 0.4)]).unwrap();
    assert!(found.has_all, "all words are there: {found:?}");
    let Weights {
        names,
        apart,
        numbers,
        ..
    } = found.counts;
    assert!(names < 0.01 && apart > 0.9 && numbers > 0.9, "{found:?}");
    let question = "What is the penalty for drunk driving in California?";
    let found = features(question, &[passage("", text, 0.4)]).unwrap();
    assert!(found.counts.apart < 0.01, "{found:?}");
}

#[test]
fn a_part_of_a_name_may_belong_to_another_one() {
    let another = |question, text| {
        let found = features(question, &[passage("", text, 0.4)]).unwrap();
        found.counts.another > 0.9
    };
    let text = "Springfield, Missouri has 169,000 people. The Galaxy 14 has a camera of 48 MP.";
    assert!(another("How large is Springfield, Illinois?", text));
    assert!(another("What camera does the Galaxy 15 have?", text));
    assert!(!another("How large is Springfield, Missouri?", text));
    assert!(!another("What camera does the Galaxy 14 have?", text));
    let both = "Springfield, Missouri is larger than Springfield, Illinois.";
    assert!(!another("How large is Springfield, Illinois?", both));
    assert!(!another("How large is the Springfield of Ohio?", text));
    let lake = "Lake Michigan has a maximum depth of 281 metres.";
    let question = "How deep is Lake Superior?";
    assert!(!is_answered(question, &[passage("", lake, 0.7)]));
    let question = "How deep is Lake Michigan?";
    assert!(is_answered(question, &[passage("", lake, 0.7)]));
}

#[test]
fn an_amount_that_is_asked_for_must_be_there() {
    let lacks = |question, text| {
        let found = features(question, &[passage("", text, 0.3)]).unwrap();
        assert_eq!(found.has_all, found.counts.amount < 0.1, "{question}");
        found.counts.amount > 0.9
    };
    let without = "Members of the club pay for a locker by card.";
    let with = "Members of the club pay 40 euros for a locker.";
    let spelled = "Members of the club pay forty euros for a locker.";
    for question in [
        "How much do members pay for a locker?",
        "What is the price members of the club pay?",
    ] {
        assert!(lacks(question, without), "{question}");
        assert!(
            !lacks(question, with) && !lacks(question, spelled),
            "{question}"
        );
    }
    let free = "For members of the club a locker is free, they pay nothing.";
    assert!(!lacks("How much do members pay for a locker?", free));
    assert!(!lacks("How do members of the club pay?", without));
    assert!(!lacks("How long do members pay?", without));
    assert!(lacks(
        "How much do members pay for 2 lockers?",
        "Members pay for 2 lockers by card."
    ));
    let spanish = "En la sala Goya los alumnos cocinan con un chef de la casa.";
    assert!(lacks("¿Cuántos alumnos hay en la sala Goya?", spanish));
}
