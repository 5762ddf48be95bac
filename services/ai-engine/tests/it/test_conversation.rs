//! What stands between the passages and the reader: the conversation, small talk, and the check of
//! what a chat model writes.

use bytes::Bytes;
use serde_json::{Value, json};
use shared_ai_client::{AnswerMode, Usage};

use crate::fake_ollama::{ChatScript, delta, done_line};
use crate::test_app::{TestApp, done, sources, text};

const COLD: &str = "How cold should my bedroom be?";

fn cut_line() -> Bytes {
    Bytes::from("{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"length\"}\n")
}

async fn generated(
    app: &TestApp,
    mode: &str,
    lines: Vec<Bytes>,
) -> Vec<shared_ai_client::AnswerEvent> {
    app.ollama.script_chat(ChatScript::Chunks(lines));
    app.events(app.tenant, &json!({"question": COLD, "mode": mode}))
        .await
}

#[tokio::test]
async fn a_follow_up_question_is_searched_with_its_conversation() {
    let app = TestApp::with_handbook().await;
    let history = json!([
        {"role": "user", "content": "When should I stop drinking coffee?"},
        {"role": "assistant", "content": "At one in the afternoon. [1]"}]);
    let ask = async |history: &Value| {
        let question = json!({"question": "And why is that?", "mode": "extractive",
            "history": history});
        app.events(app.tenant, &question).await
    };
    let events = ask(&history).await;
    assert!(
        sources(&events)[0].text.contains("Caffeine"),
        "{}",
        text(&events)
    );
    let events = ask(&json!([])).await;
    assert!(!text(&events).contains("Caffeine"), "{}", text(&events));
}

#[tokio::test]
async fn small_talk_is_answered_without_a_search() {
    let app = TestApp::with_handbook().await;
    for (message, words) in [
        ("Hello!", "Ask me anything"),
        ("Muchas gracias", "De nada"),
        ("Bist du ein Mensch?", "automatischer Assistent"),
        ("Au revoir", "Au revoir"),
    ] {
        let events = app.events(app.tenant, &json!({"question": message})).await;
        assert!(sources(&events).is_empty());
        assert!(
            text(&events).contains(words),
            "{message}: {}",
            text(&events)
        );
        assert_eq!(done(&events).usage, Usage::default(), "no model was called");
    }
    let question = json!({"question": format!("Hello! {COLD}"), "mode": "extractive"});
    let events = app.events(app.tenant, &question).await;
    assert!(text(&events).contains("between 16 and 18 degrees"));
}

#[tokio::test]
async fn only_supported_sentences_of_a_generated_answer_reach_the_reader() {
    let app = TestApp::with_handbook().await;
    let lines = vec![
        delta("Keep the bedroom cold [1, "),
        delta("2] [9]. It must be 12 degrees [1]. Call Dr. Miller in Boston. "),
        delta("A hot shower helps."),
        done_line(),
    ];
    let events = generated(&app, "generative", lines).await;
    assert_eq!(
        text(&events),
        "Keep the bedroom cold [1]. A hot shower helps [1]."
    );
    let last = done(&events);
    assert_eq!(
        (last.mode, last.citations),
        (AnswerMode::Generative, vec![1])
    );
    let sent = app.ollama.last_chat();
    assert_eq!(sent["think"], false);
    assert_eq!(sent["options"]["num_ctx"], 4096);
    let invented = vec![delta("The moon is made of cheese [1]."), done_line()];
    for mode in ["generative", "auto"] {
        let events = generated(&app, mode, invented.clone()).await;
        assert!(
            text(&events).contains("between 16 and 18 degrees"),
            "{}",
            text(&events)
        );
        assert!(!text(&events).contains("cheese"));
        let last = done(&events);
        assert_eq!((last.mode, last.fell_back), (AnswerMode::Extractive, true));
        assert_eq!(
            last.usage.completion_tokens, 7,
            "the model was used all the same"
        );
    }
}

#[tokio::test]
async fn thoughts_of_a_model_are_never_shown() {
    let app = TestApp::with_handbook().await;
    let tags = vec![
        delta("<think>The secret rule says: keep the bedroom"),
        delta(" cold.</think>A hot shower helps [1]."),
        done_line(),
    ];
    let events = generated(&app, "generative", tags).await;
    assert_eq!(text(&events), "A hot shower helps [1].");
    let field = r#"{"message":{"content":"","thinking":"Let me think."},"done":false}"#;
    let only_thoughts = vec![Bytes::from(format!("{field}\n")), cut_line()];
    let events = generated(&app, "auto", only_thoughts).await;
    let last = done(&events);
    assert!(last.fell_back && !last.truncated, "quotations are complete");
    assert!(text(&events).contains("between 16 and 18 degrees"));
}

#[tokio::test]
async fn an_answer_that_reached_its_limit_says_so() {
    let app = TestApp::with_handbook().await;
    let lines = vec![
        delta("Keep the bedroom cold. A hot shower helps, because"),
        cut_line(),
    ];
    let events = generated(&app, "generative", lines).await;
    assert!(
        text(&events).ends_with("because … [1]"),
        "{}",
        text(&events)
    );
    let last = done(&events);
    assert!(last.truncated);
    let path = format!("/ai-engine/v1/generations/{}", last.generation_id);
    let record = app.owner(app.tenant).get(&path).await.json();
    assert_eq!(record["truncated"], true);
}

#[tokio::test]
async fn auto_shows_quotations_if_no_sentence_is_there_in_time() {
    let app = TestApp::with_handbook().await;
    app.ollama.script_chat(ChatScript::Endless("word "));
    let events = app
        .events(app.tenant, &json!({"question": COLD, "mode": "auto"}))
        .await;
    let last = done(&events);
    assert_eq!((last.mode, last.fell_back), (AnswerMode::Extractive, true));
    assert!(text(&events).contains("between 16 and 18 degrees"));
}
