//! Settings of a tenant's assistant: what they change, and who may change them.

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use shared_ai_client::{AnswerEvent, AnswerMode, AppliedPolicy, PolicyKind};
use shared_models::{CreatorId, Role};

use crate::faulty_server::{Does, FaultyServer};
use crate::test_app::{HANDBOOK, TestApp, done, sources, text};

const SETTINGS: &str = "/ai-engine/v1/settings";
const QUESTION: &str = "How do I fall asleep?";

/// Saves settings for the first time.
async fn save(app: &TestApp, settings: &Value) {
    let owner = app.owner(app.tenant);
    let answer = owner.json(Method::PUT, SETTINGS, settings).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

async fn ask(app: &TestApp, question: &str) -> Vec<AnswerEvent> {
    app.events(app.tenant, &json!({"question": question})).await
}

fn topic(name: &str, phrase: &str, hand_over: bool) -> Value {
    json!({"name": name, "phrases": [phrase], "reply": "Please write to **us** [1].",
        "hand_over": hand_over})
}

#[tokio::test]
async fn settings_are_replaced_only_over_what_was_read() {
    let app = TestApp::new().await;
    let owner = app.owner(app.tenant);
    let first = owner.get(SETTINGS).await;
    assert_eq!(first.headers[header::ETAG], "\"v0\"");
    let platform = json!({"relevance": "balanced", "crisis": {"hand_over": true}, "topics": []});
    assert_eq!(first.json(), platform);
    let new =
        json!({"mode": "extractive", "passages": 2, "topics": [topic("Money", "refund", true)]});
    let saved = owner.json(Method::PUT, SETTINGS, &new).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.text());
    assert_eq!(saved.headers[header::ETAG], "\"v1\"");
    let read = owner.get(SETTINGS).await.json();
    assert_eq!(
        (&read["mode"], &read["passages"]),
        (&json!("extractive"), &json!(2))
    );
    assert_eq!(read["topics"], new["topics"]);

    let blind = owner.json(Method::PUT, SETTINGS, &json!({})).await;
    assert_eq!(blind.status, StatusCode::PRECONDITION_REQUIRED);
    let late = owner.with_header("if-match", "\"v0\"");
    let late = late.json(Method::PUT, SETTINGS, &json!({})).await;
    assert_eq!(late.code(), "precondition_failed");
    let current = owner.with_header("if-match", "\"v1\"");
    let reset = current.json(Method::PUT, SETTINGS, &json!({})).await;
    assert_eq!(reset.headers[header::ETAG], "\"v2\"");
    // Another account has settings of its own.
    let other = app.owner(CreatorId::new()).get(SETTINGS).await;
    assert_eq!(other.headers[header::ETAG], "\"v0\"");
}

#[tokio::test]
async fn who_may_not_change_them_changes_nothing_and_bad_values_are_named() {
    let app = TestApp::new().await;
    let viewer = app.mint.claims(app.tenant, Role::Viewer);
    let viewer = app.owner(app.tenant).with_token(&app.mint.sign(&viewer));
    assert_eq!(viewer.get(SETTINGS).await.status, StatusCode::OK);
    let refused = viewer.json(Method::PUT, SETTINGS, &json!({})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let owner = app.owner(app.tenant);
    for (settings, field) in [
        (json!({"passages": 0}), "passages"),
        (json!({"temperature": 2}), "temperature"),
        (json!({"chat_server": "absent"}), "chat_server"),
        (
            json!({"topics": [{"name": "a", "phrases": ["…"], "reply": "b"}]}),
            "topics",
        ),
    ] {
        let refused = owner.json(Method::PUT, SETTINGS, &settings).await;
        assert_eq!(refused.code(), "invalid_fields", "{}", refused.text());
        assert!(refused.text().contains(field), "{}", refused.text());
    }
    let unchanged = owner.get(SETTINGS).await;
    assert_eq!(unchanged.headers[header::ETAG], "\"v0\"");
}

#[tokio::test]
async fn a_topic_is_answered_by_its_reply_without_search_and_recorded() {
    let app = TestApp::new().await;
    app.index(app.tenant, "# Refunds\n\nRefunds take 14 days.\n")
        .await;
    let answered = ask(&app, "How long do refunds take?").await;
    assert!(!sources(&answered).is_empty(), "{answered:?}");
    assert_eq!(done(&answered).policy, None);
    save(
        &app,
        &json!({"topics": [topic("Law", "lawyer", false), topic("Money", "refund", true)]}),
    )
    .await;
    let events = ask(&app, "How long do REFUNDS take?").await;
    assert_eq!(text(&events), r"Please write to **us** \[1\].");
    assert!(sources(&events).is_empty());
    let policy = AppliedPolicy {
        kind: PolicyKind::Topic,
        topic: Some("Money".to_owned()),
        hand_over: true,
    };
    let ended = done(&events);
    assert_eq!(ended.policy, Some(policy));
    assert_eq!(ended.mode, AnswerMode::Extractive);
    assert!(
        ended.citations.is_empty(),
        "the text of a policy cites nothing"
    );
    let path = format!("/ai-engine/v1/generations/{}", ended.generation_id);
    let record = app
        .owner(app.tenant)
        .get(&path)
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&record["policy"], &record["topic"]),
        (&json!("topic"), &json!("Money"))
    );
    let law = ask(&app, "Do I need a lawyer?").await;
    assert!(!done(&law).policy.unwrap().hand_over);
    // The topics of one account are not those of another.
    let other = app
        .events(CreatorId::new(), &json!({"question": "A refund?"}))
        .await;
    assert_eq!(done(&other).policy, None);
}

#[tokio::test]
async fn danger_comes_before_topics_and_names_the_contact_of_the_account() {
    let app = TestApp::new().await;
    let danger = "I want to kill myself, and a refund";
    let events = ask(&app, danger).await;
    let policy = done(&events).policy.unwrap();
    assert_eq!((policy.kind, policy.hand_over), (PolicyKind::Crisis, true));
    let platform = text(&events);
    let crisis = json!({"contact": "Call us: +1 555 0100", "hand_over": false});
    save(
        &app,
        &json!({"crisis": crisis, "topics": [topic("Money", "refund", true)]}),
    )
    .await;
    let events = ask(&app, danger).await;
    assert_eq!(text(&events), format!("{platform}\n\nCall us: +1 555 0100"));
    let policy = done(&events).policy.unwrap();
    assert_eq!((policy.kind, policy.hand_over), (PolicyKind::Crisis, false));
}

#[tokio::test]
async fn mode_passages_and_relevance_hold_unless_the_question_names_them() {
    let app = TestApp::new().await;
    app.index(app.tenant, HANDBOOK).await;
    save(&app, &json!({"mode": "extractive", "passages": 1})).await;
    let events = ask(&app, QUESTION).await;
    assert_eq!(sources(&events).len(), 1);
    assert!(!done(&events).fell_back, "extractive was wanted");
    let named = json!({"question": QUESTION, "passages": 2});
    assert_eq!(sources(&app.events(app.tenant, &named).await).len(), 2);

    let found = async || {
        let mut found = 0;
        for query in [
            "How do I fall asleep faster?",
            "What helps against worries?",
            "How do I calm down before a meeting?",
            "Are screens bad in the evening?",
            "What if I wake up at night?",
        ] {
            let body = json!({"query": query, "limit": 20});
            let owner = app.owner(app.tenant);
            let answer = owner.post("/ai-engine/v1/search", &body).await;
            let results = answer.expect(StatusCode::OK)["results"].clone();
            found += results.as_array().map_or(0, Vec::len);
        }
        found
    };
    let mut counts = Vec::new();
    for (revision, relevance) in ["lenient", "balanced", "strict"].into_iter().enumerate() {
        let owner = app.owner(app.tenant);
        let owner = owner.with_header("if-match", &format!("\"v{}\"", revision + 1));
        let body = json!({"relevance": relevance});
        owner
            .json(Method::PUT, SETTINGS, &body)
            .await
            .expect(StatusCode::OK);
        counts.push(found().await);
    }
    assert!(
        counts[0] > counts[1] && counts[1] > counts[2] && counts[2] > 0,
        "{counts:?}"
    );
}

#[tokio::test]
async fn temperature_length_and_server_are_sent_to_the_model() {
    let first = FaultyServer::that(Does::Says(&["Keep the bedroom cold [1]."])).await;
    let app = TestApp::with_config(|config| {
        config.engines.model_servers = vec![first.for_chat()];
    })
    .await;
    app.index(app.tenant, "# Sleep\n\nKeep the bedroom cold.\n")
        .await;
    let generative = json!({"question": "How do I keep the bedroom?", "mode": "generative"});
    app.events(app.tenant, &generative).await;
    let asked = first.last();
    assert_eq!(
        (&asked["temperature"], &asked["max_tokens"]),
        (&json!(0.3), &json!(512))
    );
    let calls = first.calls();
    save(
        &app,
        &json!({"temperature": 0.0, "max_answer_tokens": 100, "chat_server": "ollama"}),
    )
    .await;
    app.events(app.tenant, &generative).await;
    let options = &app.ollama.last_chat()["options"];
    assert_eq!(
        (&options["temperature"], &options["num_predict"]),
        (&json!(0.0), &json!(100))
    );
    assert_eq!(first.calls(), calls, "the preferred server is asked alone");
}
