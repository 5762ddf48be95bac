//! Tests of the grounding check on small sources; `tests/quality` measures it on real documents.

use super::*;

const SLEEP: &str = "Keep the bedroom cold, between 16 and 18 degrees. A hot shower an hour \
    earlier helps. Marta Ruiz teaches it in Berlin. Do not drink coffee after one in the \
    afternoon. Write to office@example.org within fourteen days. She says: “Thank you for \
    asking, I cannot take this.”";
const PRICES: &str = "A session costs 1,250 euros and lasts sixty minutes. Dogs are not \
    allowed. The refund reaches your account within five working days.";

fn evidence() -> Evidence {
    let passage = |number, title, text| Passage {
        number,
        title,
        heading: Some("Coaching > Circle"),
        text,
    };
    let passages = [
        passage(1, "Sleep guide", SLEEP),
        passage(2, "Prices", PRICES),
    ];
    Evidence::new("How much is a session with Anna?", passages)
}

#[test]
fn what_the_sources_say_is_supported_by_the_right_passage() {
    for (sentence, passages) in [
        ("Keep the bedroom cold, between 16 and 18 degrees.", vec![1]),
        (
            "The bedroom should be kept cold, at 16 to 18 degrees.",
            vec![1],
        ),
        ("A session costs 1250 euros and lasts 60 minutes.", vec![2]),
        ("- The Circle session costs 1.250 €.", vec![2]),
        ("In Berlin it is taught by Marta Ruiz.", vec![1]),
        ("Dogs aren't allowed.", vec![2]),
        (
            "Do not drink any coffee after one in the afternoon.",
            vec![1],
        ),
        ("Write to office@example.org within 14 days.", vec![1]),
        (
            "She says “Thank you for asking, I cannot take this.”",
            vec![1],
        ),
        ("A session with Anna costs 1,250 euros.", vec![2]),
    ] {
        let decision = check(sentence, &evidence());
        assert_eq!(decision, Decision::Supported(passages), "{sentence}");
    }
}

#[test]
fn what_the_sources_do_not_say_is_stopped() {
    for (sentence, fault) in [
        (
            "Keep the bedroom cold, between 16 and 19 degrees.",
            Fault::Number,
        ),
        ("A session costs 1350 euros.", Fault::Number),
        ("A session costs 1,250 dollars.", Fault::Number),
        ("A session lasts sixteen minutes.", Fault::Number),
        (
            "The refund reaches your account within five weeks.",
            Fault::Number,
        ),
        ("In Madrid it is taught by Marta Ruiz.", Fault::Name),
        ("The teacher in Berlin is Marta Lopez.", Fault::Name),
        ("Dogs are allowed.", Fault::Negation),
        (
            "Do drink coffee after one in the afternoon.",
            Fault::Negation,
        ),
        ("Do not keep the bedroom cold.", Fault::Negation),
        (
            "Do not drink coffee before one in the afternoon.",
            Fault::Negation,
        ),
        (
            "Write to support@example.org within fourteen days.",
            Fault::Link,
        ),
        (
            "Write to office@example.com within fourteen days.",
            Fault::Link,
        ),
        ("See www.example.net for a session.", Fault::Link),
        (
            "She says “Thank you for asking, I will take this.”",
            Fault::Quotation,
        ),
        ("The moon is made of green cheese.", Fault::Words),
        (
            "A session costs 1,250 euros because the inflation of rents doubled.",
            Fault::Words,
        ),
        ("Sure!", Fault::Words),
        ("...", Fault::Empty),
    ] {
        let decision = check(sentence, &evidence());
        assert_eq!(decision, Decision::Unsupported(fault), "{sentence}");
    }
}

#[test]
fn without_passages_nothing_is_supported() {
    let evidence = Evidence::new("Why?", []);
    assert_eq!(
        check("It is 5.", &evidence),
        Decision::Unsupported(Fault::Words)
    );
}

#[test]
fn scripts_without_spaces_are_checked_too() {
    let passage = Passage {
        number: 1,
        title: "睡眠",
        heading: None,
        text: "睡前八小时不要喝咖啡。课程价格是58欧元。",
    };
    let evidence = Evidence::new("课程多少钱？", [passage]);
    assert_eq!(
        check("课程价格是58欧元。", &evidence),
        Decision::Supported(vec![1])
    );
    assert_eq!(
        check("课程价格是85欧元。", &evidence),
        Decision::Unsupported(Fault::Number)
    );
    assert_eq!(
        check("睡前八小时要喝咖啡。", &evidence),
        Decision::Unsupported(Fault::Negation)
    );
}

/// Sentences as chat models write them from the handbook of the tests, of which most must pass.
#[test]
fn free_paraphrases_with_the_words_of_the_source_pass() {
    let handbook = include_str!("../../../../tests/it/handbook.md");
    let sections = handbook.split("\n## ").zip(1_u32..);
    let evidence = Evidence::new(
        "How do I sleep better, and what does coaching cost?",
        sections.map(|(text, number)| Passage {
            number,
            title: "The Quiet Morning Handbook",
            heading: text.lines().next(),
            text,
        }),
    );
    let paraphrases = [
        "You should keep your bedroom cold, between 16 and 18 degrees.",
        "A one-to-one session takes 60 minutes and costs 120 euros.",
        "The price of a one-to-one session is 120 euros.",
        "I recommend going to bed at the same time every night, including weekends.",
        "Put away all screens 90 minutes before bed.",
        "For box breathing, breathe in while counting to four, then hold for four.",
        "You can get your money back within 14 days if the programme is not for you.",
        "The refund will reach your account within five working days.",
        "The group programme lasts eight weeks and starts in March and September.",
        "We meet online every Tuesday at 7 in the evening.",
        "Stop drinking coffee at one in the afternoon, because caffeine has a half-life of five to \
         six hours.",
        "Eat 30 grams of protein at breakfast, such as three eggs.",
        "If you wake up at three in the morning, don't look at the clock.",
        "I do not answer at weekends.",
        "Walking for twenty minutes after lunch flattens the rise of blood sugar.",
        "Build an emergency fund that covers three months of expenses before you invest.",
        "You may move a session without a fee up to 24 hours before it begins.",
        "Please send at most one voice message a day.",
        "Strength training twice a week with five basic movements is enough for a beginner.",
        "A hot shower one hour earlier also helps.",
    ];
    let stopped: Vec<(&str, Decision)> = paraphrases
        .into_iter()
        .map(|sentence| (sentence, check(sentence, &evidence)))
        .filter(|(_, decision)| matches!(decision, Decision::Unsupported(_)))
        .collect();
    assert!(stopped.len() <= 2, "{stopped:#?}");
}
