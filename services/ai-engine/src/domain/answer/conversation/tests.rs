//! Conversations in six languages, in both directions: what leans on the conversation is searched
//! with it, and what stands alone is not.

use shared_models::text::MultiLine;

use super::*;

/// The earlier question, the question, and a word that must be searched too; none if the question
/// stands alone.
type Case = (&'static str, &'static str, Option<&'static str>);

const CASES: &[Case] = &[
    // English
    (
        "How long before bed should I stop drinking coffee?",
        "And why is that?",
        Some("coffee"),
    ),
    (
        "What does the Circle membership cost?",
        "And for children?",
        Some("circle"),
    ),
    (
        "What does the Circle membership cost?",
        "How much does it cost?",
        Some("membership"),
    ),
    ("Can I get a refund?", "Why?", Some("refund")),
    ("Can I get a refund?", "Tell me more", Some("refund")),
    (
        "Can I get a refund?",
        "Can you give an example?",
        Some("refund"),
    ),
    (
        "Which breathing exercises do you teach?",
        "When should I do them?",
        Some("breathing"),
    ),
    ("Who is Marta Ruiz?", "Where does she live?", Some("marta")),
    ("Is there parking?", "What about bicycles?", Some("parking")),
    ("Is there parking?", "in winter?", Some("parking")),
    (
        "Is there parking?",
        "Can I bring them to the evening session?",
        Some("parking"),
    ),
    ("Is there parking?", "How cold should my bedroom be?", None),
    (
        "Is there parking?",
        "How do I know that my sleep improved?",
        None,
    ),
    (
        "Is there parking?",
        "What do dogs eat when they are old?",
        None,
    ),
    ("Is there parking?", "Refunds?", None),
    (
        "Is there parking?",
        "What is this course about in detail and who teaches?",
        None,
    ),
    (
        "Is there parking?",
        "How long does it take until the refund is paid?",
        None,
    ),
    // Spanish
    (
        "¿Cuánto cuesta la sesión individual?",
        "¿Y para niños?",
        Some("sesión"),
    ),
    (
        "¿Cuánto cuesta la sesión individual?",
        "¿Por qué?",
        Some("sesión"),
    ),
    (
        "¿Cuánto cuesta la sesión individual?",
        "¿Y cuánto dura?",
        Some("sesión"),
    ),
    (
        "¿Cuánto cuesta la sesión individual?",
        "¿Dónde puedo aparcar el coche?",
        None,
    ),
    (
        "¿Cuánto cuesta la sesión individual?",
        "¿Cómo puedo dormir mejor por la noche?",
        None,
    ),
    // German
    (
        "Was kostet die Mitgliedschaft?",
        "Und für Kinder?",
        Some("mitgliedschaft"),
    ),
    (
        "Was kostet die Mitgliedschaft?",
        "Warum ist das so?",
        Some("mitgliedschaft"),
    ),
    (
        "Was kostet die Mitgliedschaft?",
        "Mit Hund?",
        Some("mitgliedschaft"),
    ),
    (
        "Was kostet die Mitgliedschaft?",
        "Wie kalt soll das Schlafzimmer sein?",
        None,
    ),
    // French
    (
        "Combien coûte une séance individuelle ?",
        "Et pour les enfants ?",
        Some("séance"),
    ),
    (
        "Combien coûte une séance individuelle ?",
        "Pourquoi ?",
        Some("séance"),
    ),
    (
        "Combien coûte une séance individuelle ?",
        "Où puis-je garer la voiture ?",
        None,
    ),
    // Portuguese
    (
        "Quanto custa uma sessão individual?",
        "E para crianças?",
        Some("sessão"),
    ),
    (
        "Quanto custa uma sessão individual?",
        "Por quê?",
        Some("sessão"),
    ),
    (
        "Quanto custa uma sessão individual?",
        "Onde posso estacionar o carro?",
        None,
    ),
    // Italian
    (
        "Quanto costa una sessione individuale?",
        "E per i bambini?",
        Some("sessione"),
    ),
    (
        "Quanto costa una sessione individuale?",
        "Perché?",
        Some("sessione"),
    ),
    (
        "Quanto costa una sessione individuale?",
        "Dove posso parcheggiare la macchina?",
        None,
    ),
];

fn turn(role: TurnRole, content: &str) -> ChatTurn {
    let content = MultiLine::parse(content).unwrap();
    ChatTurn { role, content }
}

#[test]
fn a_question_is_searched_with_its_conversation_only_if_it_leans_on_it() {
    let mut wrong = Vec::new();
    for (earlier, question, expected) in CASES {
        let history = [
            turn(TurnRole::User, earlier),
            turn(TurnRole::Assistant, "Yes."),
        ];
        let text = search_text(question, &history);
        let right = match expected {
            Some(word) => text.starts_with(question) && text[question.len()..].contains(word),
            None => text == *question,
        };
        if !right {
            wrong.push(format!("{question} -> {text}"));
        }
    }
    assert!(CASES.len() >= 35);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_chain_of_questions_is_followed_to_the_one_that_stands_alone() {
    let history = [
        turn(TurnRole::User, "Is there parking?"),
        turn(TurnRole::Assistant, "Yes."),
        turn(TurnRole::User, "What does the Circle membership cost?"),
        turn(
            TurnRole::Assistant,
            "“58 euros a month for the evening club.” [1]",
        ),
        turn(TurnRole::User, "Thanks!"),
        turn(TurnRole::Assistant, "You are welcome!"),
        turn(TurnRole::User, "And for children?"),
        turn(TurnRole::Assistant, "“Children pay half of the price.” [1]"),
    ];
    let text = search_text("Why?", &history);
    for word in ["children", "circle", "membership", "half"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert!(!text.contains("parking"), "{text}");
}

#[test]
fn without_a_conversation_the_question_is_left_as_it_is() {
    assert_eq!(search_text("And for children?", &[]), "And for children?");
}
