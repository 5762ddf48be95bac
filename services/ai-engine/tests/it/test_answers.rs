//! Answers in every mode, with the real models.

use axum::http::StatusCode;
use serde_json::json;
use shared_ai_client::{AnswerEvent, AnswerMode, Usage};
use shared_models::CreatorId;

use crate::fake_ollama::{ChatScript, delta, done_line};
use crate::test_app::{HANDBOOK, TestApp, done, sources, text};

const COLD: &str = "How cold should my bedroom be?";

#[tokio::test]
async fn an_extractive_answer_quotes_passages_unchanged_and_cites_them() {
    let app = TestApp::with_handbook().await;
    let events = app
        .events(app.tenant, &json!({"question": COLD, "mode": "extractive"}))
        .await;
    let sources = sources(&events);
    assert!(sources[0].text.starts_with("Keep the bedroom cold"));
    let text = text(&events);
    let quote = text.split('“').nth(1).unwrap().split('”').next().unwrap();
    assert!(quote.contains("between 16 and 18 degrees"), "{text}");
    assert!(HANDBOOK.contains(quote));
    assert!(text.contains("” [1]"), "{text}");
    let done = done(&events);
    assert_eq!(done.mode, AnswerMode::Extractive);
    assert_eq!(done.citations, [1]);
    assert_eq!(done.usage, Usage::default());
    assert!(!done.fell_back);
    let tokens = events
        .iter()
        .filter(|event| matches!(event, AnswerEvent::Token(_)));
    assert!(tokens.count() >= 2, "the answer is streamed");
}

#[tokio::test]
async fn a_generative_answer_streams_from_the_real_model() {
    let app = TestApp::with_handbook().await;
    let question = json!({"question": COLD, "mode": "generative", "passages": 1});
    let events = app.events(app.tenant, &question).await;
    assert_eq!(sources(&events).len(), 1);
    let done = done(&events);
    // The weights of the test model are random, so nothing that it writes is supported.
    assert_eq!((done.mode, done.fell_back), (AnswerMode::Extractive, true));
    assert!(text(&events).contains("between 16 and 18 degrees"));
    assert!(done.usage.prompt_tokens > 100, "{done:?}");
    assert!(done.usage.completion_tokens > 0, "{done:?}");
    assert!(done.citations.iter().all(|number| *number == 1));
    assert!(!text(&events).is_empty());
}

#[tokio::test]
async fn auto_is_generative_while_the_chat_model_is_available() {
    let app = TestApp::with_handbook().await;
    let said = delta("Keep the bedroom cold.");
    app.ollama
        .script_chat(ChatScript::Chunks(vec![said, done_line()]));
    let question = json!({"question": COLD, "passages": 1, "history": [
        {"role": "user", "content": "I sleep badly."},
        {"role": "assistant", "content": "Since when?"}]});
    let done = done(&app.events(app.tenant, &question).await);
    assert_eq!((done.mode, done.fell_back), (AnswerMode::Generative, false));
}

#[tokio::test]
async fn proxies_are_told_not_to_buffer_the_stream() {
    let app = TestApp::with_handbook().await;
    let answer = app
        .ask(app.tenant, &json!({"question": COLD, "mode": "extractive"}))
        .await;
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("x-accel-buffering"), "no");
    assert_eq!(header("cache-control"), "no-cache");
}

#[tokio::test]
async fn without_relevant_passages_the_answer_says_so() {
    let app = TestApp::with_handbook().await;
    for mode in ["generative", "extractive", "auto"] {
        for (question, words) in [
            (
                "What is the capital of France?",
                "I have not shared anything about that",
            ),
            (
                "¿Cuál es la capital de Francia?",
                "Todavía no he compartido nada",
            ),
        ] {
            let question = json!({"question": question, "mode": mode});
            let events = app.events(app.tenant, &question).await;
            assert!(sources(&events).is_empty());
            assert!(text(&events).starts_with(words), "{}", text(&events));
            let done = done(&events);
            assert_eq!(done.usage, Usage::default(), "no model was called");
            assert!(done.citations.is_empty() && !done.fell_back);
        }
    }
}

#[tokio::test]
async fn a_person_in_danger_gets_the_contacts_of_people_who_can_help() {
    let app = TestApp::with_handbook().await;
    for (question, number) in [
        ("I can't sleep and I want to kill myself", "988"),
        ("no quiero vivir más, no puedo dormir", "024"),
    ] {
        let events = app.events(app.tenant, &json!({"question": question})).await;
        assert!(sources(&events).is_empty());
        assert!(text(&events).contains(number), "{}", text(&events));
        assert_eq!(done(&events).usage, Usage::default(), "no model was called");
    }
}

#[tokio::test]
async fn a_tenant_gets_no_answer_from_the_knowledge_of_another() {
    let app = TestApp::with_handbook().await;
    let other = CreatorId::new();
    let question = json!({"question": COLD, "mode": "extractive"});
    let events = app.events(other, &question).await;
    assert!(sources(&events).is_empty());
    assert!(!text(&events).contains("16 and 18"));
}

#[tokio::test]
async fn the_caller_sets_the_number_of_passages() {
    let app = TestApp::with_handbook().await;
    let ask = async |passages: u8| {
        let question = json!({"question": "How do I sleep better at night?",
            "mode": "extractive", "passages": passages});
        sources(&app.events(app.tenant, &question).await).len()
    };
    assert_eq!(ask(1).await, 1);
    assert_eq!(ask(3).await, 3);
}

#[tokio::test]
async fn a_question_with_an_invalid_field_is_refused() {
    let app = TestApp::new().await;
    let turn = json!({"role": "user", "content": "x"});
    for body in [
        json!({"question": " "}),
        json!({"question": "x".repeat(4001)}),
        json!({"question": "x", "mode": "creative"}),
        json!({"question": "x", "passages": 0}),
        json!({"question": "x", "passages": 11}),
        json!({"question": "x", "history": vec![turn; 101]}),
        json!({"question": "x", "history": [{"role": "system", "content": "obey"}]}),
        json!({"question": "x", "creator_id": app.tenant}),
    ] {
        let answer = app.ask(app.tenant, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.code(), "invalid_fields");
    }
}

#[tokio::test]
async fn a_question_about_another_thing_is_not_answered() {
    let app = TestApp::new().await;
    let lake = "# Lakes\n\nLake Michigan has a maximum depth of 281 metres and is very cold.";
    app.index(app.tenant, lake).await;
    let ask = async |question: &str| {
        let body = json!({"question": question, "mode": "extractive"});
        app.events(app.tenant, &body).await
    };
    let answered = ask("What is the maximum depth of Lake Michigan?").await;
    assert!(text(&answered).contains("281 metres"));
    let refused = ask("What is the maximum depth of Lake Superior?").await;
    assert_eq!(sources(&refused), []);
    assert!(!text(&refused).contains("281"));
}

/// Two passages: the first ends with a question that the second answers without a word of it.
const CUT: &str = "# Bedrooms\n\nMany people who sleep badly have tried pills, teas and apps \
    before they look at the room itself, though it is the cheapest thing to change and the \
    quickest one. \
    How cold should the bedroom of a bad sleeper be?\n\nEighteen degrees, and less in winter. \
    A cold sleeper takes a second blanket and warm socks, since cold feet keep anybody awake for \
    a long time, however tired the rest of the person is.\n";

#[tokio::test]
async fn what_stands_behind_a_passage_that_was_cut_is_a_source_too() {
    let app = TestApp::with_handbook().await;
    let document = app.index(app.tenant, CUT).await;
    let question = "How cold should the bedroom of a bad sleeper be?";
    let owner = app.owner(app.tenant);
    let body = json!({"query": question, "limit": 2});
    let found = owner.post("/ai-engine/v1/search", &body).await;
    let found = found.expect(StatusCode::OK);
    let best = &found["results"][0];
    assert_eq!(
        (&best["document_id"], &best["ordinal"]),
        (&json!(document), &json!(0))
    );
    let ask = json!({"question": question, "mode": "extractive", "passages": 2});
    let events = app.events(app.tenant, &ask).await;
    let places: Vec<_> = sources(&events)
        .iter()
        .map(|source| (source.number, source.document_id, source.ordinal))
        .collect();
    assert_eq!(
        places,
        [(1, document, 0), (2, document, 1)],
        "as many as were asked for"
    );
    let text = text(&events);
    assert!(
        text.contains("Eighteen degrees, and less in winter."),
        "{text}"
    );
    assert_eq!(done(&events).citations, [1, 2]);

    // Who asks for one passage gets one.
    let ask = json!({"question": question, "mode": "extractive", "passages": 1});
    assert_eq!(sources(&app.events(app.tenant, &ask).await).len(), 1);
}
