//! Servers that are asked before Ollama: they answer, and everything is as with Ollama.

use std::time::{Duration, Instant};

use ai_engine_service::{Caller, ModelServerSettings};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared_ai_client::{AnswerMode, Done, FallbackReason, Usage};
use shared_config::Secret;
use shared_testkit::Stores;
use tower::ServiceExt as _;

use crate::faulty_server::{Does, FaultyServer, chunk, ending, server};
use crate::test_app::{HANDBOOK, TestApp, done, text};
use crate::tls_server;

pub(crate) const COLD: &str = "How cold should my bedroom be?";
/// What the handbook supports.
pub(crate) const SUPPORTED: &[&str] = &["Keep the bedroom ", "cold."];

pub(crate) fn question(mode: &str) -> Value {
    json!({"question": COLD, "mode": mode})
}

/// An app that asks these servers first, and has indexed the handbook.
pub(crate) async fn with_servers(servers: Vec<ModelServerSettings>) -> TestApp {
    let app = TestApp::with_config(|config| config.engines.model_servers = servers).await;
    app.index(app.tenant, HANDBOOK).await;
    app
}

pub(crate) async fn record(app: &TestApp, done: &Done) -> Value {
    let path = format!("/ai-engine/v1/generations/{}", done.generation_id);
    let read = app.owner(app.tenant).get(&path).await;
    read.expect(StatusCode::OK)
}

pub(crate) async fn servers(app: &TestApp) -> Value {
    let answer = app.owner(app.tenant).get("/ai-engine/v1/models").await;
    answer.expect(StatusCode::OK)["servers"].clone()
}

#[tokio::test]
async fn the_own_v1_of_ollama_answers_and_counts_tokens() {
    let url = format!("{}/v1", Stores::from_env().ollama);
    let app = with_servers(vec![server(&url, Some("tiny-llama"), None)]).await;
    let question = json!({"question": COLD, "mode": "generative", "passages": 1});
    let done = done(&app.events(app.tenant, &question).await);
    // The weights of the test model are random, so nothing that it writes is supported.
    assert_eq!((done.mode, done.fell_back), (AnswerMode::Extractive, true));
    assert_eq!(done.server.as_deref(), Some("other"));
    assert_eq!(done.model.as_deref(), Some("tiny-llama"));
    assert!(!done.fallback && done.fallback_reason.is_none());
    assert!(done.usage.prompt_tokens > 100, "{done:?}");
    assert!(done.usage.completion_tokens > 0, "{done:?}");
    assert_eq!(app.ollama.last_chat(), Value::Null, "Ollama was not asked");
}

#[tokio::test]
async fn the_own_v1_of_ollama_makes_the_vectors_that_ollama_makes() {
    let url = format!("{}/v1", Stores::from_env().ollama);
    let app = with_servers(vec![server(&url, None, Some("all-minilm"))]).await;
    assert_eq!(app.ollama.embedded_texts(), 0, "the other server made them");
    let found = app.search(app.tenant, COLD).await;
    assert!(found[0].text.starts_with("Keep the bedroom cold"));
    let other = TestApp::new().await;
    let texts = "How do I sleep better?";
    let one = app
        .state
        .embedder
        .embed_query(Caller::PLATFORM, texts)
        .await
        .unwrap();
    let two = other
        .state
        .embedder
        .embed_query(Caller::PLATFORM, texts)
        .await
        .unwrap();
    let cosine: f32 = one.iter().zip(&two).map(|(a, b)| a * b).sum();
    assert!(cosine > 0.999, "{cosine}");
}

#[tokio::test]
async fn the_preferred_server_answers_in_openais_protocol() {
    let faulty = FaultyServer::that(Does::Says(SUPPORTED)).await;
    let app = with_servers(vec![faulty.for_chat()]).await;
    for mode in ["generative", "auto"] {
        let events = app.events(app.tenant, &question(mode)).await;
        assert_eq!(text(&events), "Keep the bedroom cold [1].", "{mode}");
        let done = done(&events);
        assert_eq!((done.mode, done.fell_back), (AnswerMode::Generative, false));
        assert_eq!(done.server.as_deref(), Some("other"));
        assert_eq!(done.model.as_deref(), Some("big-chat"));
        assert!(!done.fallback);
        let usage = Usage {
            prompt_tokens: 31,
            completion_tokens: 9,
        };
        assert_eq!(done.usage, usage);
        let record = record(&app, &done).await;
        assert_eq!(record["server"], "other");
        assert_eq!(record["model"], "big-chat");
        assert_eq!(record["fallback"], false);
        assert_eq!(record["usage"]["prompt_tokens"], 31);
    }
    let asked = faulty.last();
    assert_eq!(asked["model"], "big-chat");
    assert_eq!(asked["stream"], true);
    assert_eq!(asked["stream_options"]["include_usage"], true);
    assert_eq!(asked["max_tokens"], 512);
    assert_eq!(asked["messages"][0]["role"], "system");
    assert_eq!(faulty.authorization(), None);
}

#[tokio::test]
async fn thoughts_are_not_shown_and_a_limit_is_marked() {
    let mut stream = String::new();
    for thought in ["reasoning_content", "reasoning"] {
        stream += &chunk(&json!({thought: "The secret rule says"}));
    }
    stream += &chunk(&json!({"content": "<think>The secret rule</think>Keep the bedroom "}));
    stream += &chunk(&json!({"content": "cold. And then"}));
    stream += &ending("length");
    let faulty = FaultyServer::that(Does::Sends(stream)).await;
    let app = with_servers(vec![faulty.for_chat()]).await;
    let events = app.events(app.tenant, &question("generative")).await;
    let shown = text(&events);
    assert!(shown.starts_with("Keep the bedroom cold [1]."), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
    assert!(done(&events).truncated);
}

#[tokio::test]
async fn an_answer_without_its_last_mark_is_complete() {
    let finish = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let stream = chunk(&json!({"content": "Keep the bedroom cold."}));
    let stream = format!("{stream}data: {finish}\n\n");
    let faulty = FaultyServer::that(Does::Sends(stream)).await;
    let app = with_servers(vec![faulty.for_chat()]).await;
    let events = app.events(app.tenant, &question("generative")).await;
    assert_eq!(text(&events), "Keep the bedroom cold [1].");
    let done = done(&events);
    assert_eq!(done.usage, Usage::default(), "nothing is estimated");
    assert!(!done.truncated);
}

#[tokio::test]
async fn closing_the_connection_stops_the_other_server() {
    let faulty = FaultyServer::that(Does::Repeats("Keep the bedroom cold. ")).await;
    let app = with_servers(vec![faulty.for_chat()]).await;
    let request = app
        .owner(app.tenant)
        .request(Method::POST, "/ai-engine/v1/answers")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(question("generative").to_string()))
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    let mut body = response.into_body();
    let mut seen = String::new();
    while !seen.contains("event: token") {
        let frame = body.frame().await.unwrap().unwrap();
        seen += &String::from_utf8_lossy(&frame.into_data().unwrap());
    }
    assert!(!faulty.client_left());
    drop(body);
    let started = Instant::now();
    while !faulty.client_left() {
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(2), "the model is running");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_key_is_sent_to_its_server_and_shown_nowhere() {
    let key = "sk-test-0123456789abcdef";
    let faulty = FaultyServer::that(Does::Says(SUPPORTED)).await;
    let mut settings = faulty.for_chat();
    settings.needs_key = true;
    settings.key = Some(Secret::new(key.to_owned()));
    let app = with_servers(vec![settings]).await;
    app.events(app.tenant, &question("generative")).await;
    assert_eq!(faulty.authorization(), Some(format!("Bearer {key}")));
    // The server repeats the key in its refusal.
    faulty.does(Does::Refuses(400));
    let answer = app.ask(app.tenant, &question("generative")).await;
    assert!(!answer.text().contains(key), "{}", answer.text());
    assert!(!servers(&app).await.to_string().contains(key));
    assert!(!format!("{:?}", app.state).contains(key));
}

#[tokio::test]
async fn a_server_whose_secret_is_missing_is_never_asked() {
    let faulty = FaultyServer::that(Does::Says(SUPPORTED)).await;
    let mut without_key = faulty.for_chat();
    without_key.needs_key = true;
    let mut without_ca = faulty.for_chat();
    without_ca.name = "unproved".to_owned();
    without_ca.needs_ca = true;
    let app = with_servers(vec![without_key, without_ca]).await;
    app.events(app.tenant, &question("auto")).await;
    assert_eq!(faulty.calls(), 0);
    let listed = servers(&app).await;
    for index in 0..2 {
        assert_eq!(listed[index]["available"], false, "{listed}");
        assert_eq!(listed[index]["reason"], "misconfigured", "{listed}");
    }
    assert_eq!(listed[2]["server"], "ollama");
    assert_eq!(listed[2]["available"], true);
}

#[tokio::test]
async fn without_other_servers_the_list_and_the_record_are_those_of_ollama() {
    let app = TestApp::with_handbook().await;
    assert_eq!(servers(&app).await, Value::Null);
    let done = done(&app.events(app.tenant, &question("generative")).await);
    let record = record(&app, &done).await;
    assert_eq!(record["server"], "ollama");
    assert_eq!(record["fallback"], false);
}

#[tokio::test]
async fn a_ca_is_accepted_for_its_server_only() {
    let url = tls_server::start();
    let ask = async |ca: Option<&str>| {
        let mut settings = server(&url, Some("big-chat"), None);
        settings.needs_ca = ca.is_some();
        settings.ca = ca.map(str::to_owned);
        let app = with_servers(vec![settings]).await;
        let events = app.events(app.tenant, &question("generative")).await;
        let done = done(&events);
        (
            done.fallback_reason.map(FallbackReason::as_str),
            text(&events),
        )
    };
    let shown = "Keep the bedroom cold [1].".to_owned();
    assert_eq!(ask(Some(tls_server::CA)).await, (None, shown));
    let unreachable = Some("unreachable");
    assert_eq!(ask(Some(tls_server::OTHER_CA)).await.0, unreachable);
    assert_eq!(ask(None).await.0, unreachable);
}
