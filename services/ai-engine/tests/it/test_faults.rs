//! Faults of the models and stores, and how the caller sees them.

use std::time::Duration;

use ai_engine_service::{Caller, Patience};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared_ai_client::{AnswerEvent, AnswerMode, FellBackReason, Usage};
use shared_config::Service;
use shared_models::CreatorId;
use shared_testkit::{Stores, TestClient};
use tower::ServiceExt as _;

use crate::fake_ollama::{ChatScript, FakeOllama, delta, done_line};
use crate::test_app::{HANDBOOK, TestApp, done, proxy_before, proxy_url, sources, text};
use crate::test_model_servers::record;

const COLD: &str = "How cold should my bedroom be?";

fn question(mode: &str) -> Value {
    json!({"question": COLD, "mode": mode})
}

async fn with_chat(chat: ChatScript) -> TestApp {
    let app = TestApp::with_handbook().await;
    app.ollama.script_chat(chat);
    app
}

fn error_code(events: &[AnswerEvent]) -> &str {
    match events.last() {
        Some(AnswerEvent::Error(failure)) => failure.code.as_str(),
        other => panic!("{other:?} came last"),
    }
}

async fn last_generation(app: &TestApp) -> (String, Option<String>) {
    let pool = app.database.admin().await;
    let query = "select state, error_code from ai.generations order by id desc limit 1";
    for _ in 0..100 {
        let row = sqlx::query(query).fetch_optional(&pool).await.unwrap();
        if let Some(row) = row {
            return (sqlx::Row::get(&row, 0), sqlx::Row::get(&row, 1));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no generation was stored");
}

#[tokio::test]
async fn characters_and_lines_split_between_chunks_arrive_complete() {
    let mut bytes: Vec<u8> = Vec::new();
    for part in [
        delta("Keep the bedroom cold — between 16 and 18 degrees ["),
        delta("1"),
        delta(", 9]. 静か"),
        done_line(),
    ] {
        bytes.extend_from_slice(&part);
    }
    let one_by_one: Vec<Bytes> = bytes.chunks(3).map(Bytes::copy_from_slice).collect();
    let app = with_chat(ChatScript::Chunks(one_by_one)).await;
    let events = app.events(app.tenant, &question("generative")).await;
    let shown = "Keep the bedroom cold — between 16 and 18 degrees [1]. ";
    assert_eq!(text(&events), shown);
    let done = done(&events);
    assert_eq!(done.citations, [1], "9 is not a source, so it is removed");
    let usage = Usage {
        prompt_tokens: 26,
        completion_tokens: 7,
    };
    assert_eq!(done.usage, usage);
    app.ollama
        .script_chat(ChatScript::Chunks(vec![Bytes::from(bytes)]));
    let events = app.events(app.tenant, &question("generative")).await;
    assert_eq!(text(&events), shown, "all lines in one chunk");
}

#[tokio::test]
async fn an_error_after_some_text_ends_the_stream_with_an_error() {
    let error = Bytes::from("{\"error\":\"llama runner process has terminated\"}\n");
    for mode in ["generative", "auto"] {
        let app = with_chat(ChatScript::Chunks(vec![
            delta("Keep the bedroom cold. It is "),
            error.clone(),
        ]))
        .await;
        let events = app.events(app.tenant, &question(mode)).await;
        assert_eq!(
            text(&events),
            "Keep the bedroom cold [1]. ",
            "what was checked is kept"
        );
        assert_eq!(error_code(&events), "model_failed");
        let expected = ("failed".to_owned(), Some("model_failed".to_owned()));
        assert_eq!(last_generation(&app).await, expected);
    }
}

#[tokio::test]
async fn a_truncated_stream_is_an_error() {
    for chat in [
        ChatScript::Truncated(vec![delta("It is ")]),
        ChatScript::Chunks(vec![delta("It is ")]),
    ] {
        let app = with_chat(chat).await;
        let events = app.events(app.tenant, &question("generative")).await;
        assert_eq!(error_code(&events), "stream_cut");
        assert_eq!(sources(&events).len(), 1);
    }
}

#[tokio::test]
async fn if_the_chat_model_fails_auto_becomes_extractive_and_generative_fails() {
    for (chat, code, reason) in [
        (
            ChatScript::Status(503),
            "overloaded",
            FellBackReason::Overloaded,
        ),
        (
            ChatScript::Status(500),
            "model_failed",
            FellBackReason::Failed,
        ),
        (
            ChatScript::Status(404),
            "model_missing",
            FellBackReason::Unavailable,
        ),
    ] {
        let app = with_chat(chat).await;
        let events = app.events(app.tenant, &question("auto")).await;
        let done = done(&events);
        assert_eq!((done.mode, done.fell_back), (AnswerMode::Extractive, true));
        assert_eq!(done.fell_back_reason, Some(reason));
        let stored = record(&app, &done).await;
        assert_eq!(stored["fell_back_reason"], reason.as_str());
        assert!(text(&events).contains("between 16 and 18 degrees"));
        let events = app.events(app.tenant, &question("generative")).await;
        assert_eq!(error_code(&events), code);
    }
}

#[tokio::test]
async fn after_repeated_failures_calls_pause_and_then_resume() {
    let app = with_chat(ChatScript::Status(500)).await;
    for _ in 0..3 {
        app.events(app.tenant, &question("generative")).await;
    }
    app.ollama.script_chat(ChatScript::Chunks(vec![
        delta("Keep the bedroom cold."),
        done_line(),
    ]));
    let answer = app.ask(app.tenant, &question("generative")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "overloaded");
    let wait: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    tokio::time::sleep(Duration::from_secs(wait)).await;
    let events = app.events(app.tenant, &question("generative")).await;
    assert_eq!(text(&events), "Keep the bedroom cold [1].");
}

#[tokio::test]
async fn without_the_chat_model_auto_is_extractive_and_generative_is_refused() {
    let app = with_chat(ChatScript::Real).await;
    app.ollama
        .script_models(r#"{"models":[{"name":"all-minilm:latest","size":1}]}"#);
    let events = app.events(app.tenant, &question("auto")).await;
    assert!(done(&events).fell_back);
    let answer = app.ask(app.tenant, &question("generative")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("tiny-llama")
    );
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn without_ollama_questions_are_answered_by_kept_vectors_or_words() {
    let fake = FakeOllama::before(&Stores::from_env().ollama).await;
    let mut ollama = proxy_before(&fake.url());
    ollama.open().await;
    let url = proxy_url(&ollama);
    let app = TestApp::with_config(|config| config.engines.ollama_url = url).await;
    app.index(app.tenant, HANDBOOK).await;
    app.events(app.tenant, &question("extractive")).await;
    ollama.close().await;
    let events = app.events(app.tenant, &question("auto")).await;
    assert!(done(&events).fell_back, "the vector was kept in memory");
    let answer = app.ask(app.tenant, &question("generative")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let other = json!({"question": "Can I get my money back?", "mode": "extractive"});
    let events = app.events(app.tenant, &other).await;
    assert!(
        text(&events).contains("fourteen days"),
        "words alone find it: {events:?}"
    );
    ollama.open().await;
    let events = app.events(app.tenant, &other).await;
    assert!(
        text(&events).contains("fourteen days"),
        "it recovers without a restart"
    );
}

#[tokio::test]
async fn without_chroma_words_alone_answer_and_say_so() {
    let mut chroma = proxy_before(&Stores::from_env().chroma);
    chroma.open().await;
    let url = proxy_url(&chroma);
    let app = TestApp::with_config(|config| config.engines.chroma_url = url).await;
    app.index(app.tenant, HANDBOOK).await;
    chroma.close().await;
    let owner = app.owner(app.tenant);
    let search = async |query: &str| {
        let body = json!({"query": query});
        let found = owner.post("/ai-engine/v1/search", &body).await;
        found.expect(StatusCode::OK)
    };
    let found = search("How cold should I keep my bedroom?").await;
    let first = found["results"][0]["text"].as_str().unwrap();
    assert!(first.starts_with("Keep the bedroom cold"), "{found}");
    assert_eq!(found["degraded"], json!(["no_vectors"]));
    let found = search("Explain quantum entanglement").await;
    assert_eq!(found["results"], json!([]));
    let events = app.events(app.tenant, &question("extractive")).await;
    assert!(text(&events).contains("bedroom"), "{events:?}");
    chroma.open().await;
    assert_eq!(search("bedroom").await["degraded"], json!([]));
}

#[tokio::test]
async fn without_redis_services_and_users_are_served() {
    let app = TestApp::with_config(|config| config.cache.port = 1).await;
    app.index(app.tenant, HANDBOOK).await;
    let body = json!({"query": COLD});
    let service = app.mint.verifier(Service::CreatorHub);
    let token = service.signer().tenant_token(Service::AiEngine, app.tenant);
    let hub = TestClient::new(app.router.clone()).with_token(&token.unwrap());
    let found = hub.post("/ai-engine/v1/search", &body).await;
    assert_ne!(found.expect(StatusCode::OK)["results"], json!([]));
    // Whether a user's token was revoked is read from PostgreSQL.
    let owner = app.owner(app.tenant);
    let found = owner.post("/ai-engine/v1/search", &body).await;
    assert_ne!(found.expect(StatusCode::OK)["results"], json!([]));
}

#[tokio::test]
async fn without_postgres_search_is_503() {
    let app = TestApp::with_config(|config| config.database.port = 1).await;
    let owner = app.owner(app.tenant);
    let answer = owner
        .post("/ai-engine/v1/search", &json!({"query": COLD}))
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("postgres")
    );
}

#[tokio::test]
async fn closing_the_connection_stops_the_model() {
    let app = with_chat(ChatScript::Endless("Keep the bedroom cold. And ")).await;
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
    assert!(!app.ollama.client_left());
    drop(body);
    let started = std::time::Instant::now();
    while !app.ollama.client_left() {
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "the model is still running"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(last_generation(&app).await, ("cancelled".to_owned(), None));
}

#[tokio::test]
async fn a_full_queue_refuses_generative_and_makes_auto_extractive() {
    let app = with_chat(ChatScript::Endless("word ")).await;
    let mut permits = Vec::new();
    let bulkhead = &app.state.chat_bulkhead;
    let someone = || Caller::asking(CreatorId::new(), true);
    for _ in 0..4 {
        let permit = bulkhead.acquire(someone(), Patience::AtMost(Duration::ZERO));
        permits.push(permit.await.unwrap());
    }
    let wait = || {
        let (bulkhead, caller) = (bulkhead.clone(), someone());
        let patience = Patience::AtMost(Duration::from_mins(1));
        tokio::spawn(async move { bulkhead.acquire(caller, patience).await.map(|_| ()) })
    };
    let waiting: Vec<_> = (0..16).map(|_| wait()).collect();
    while bulkhead.waiting() < 16 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = app.ask(app.tenant, &question("generative")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "overloaded");
    assert!(answer.headers.contains_key("retry-after"));
    let events = app.events(app.tenant, &question("auto")).await;
    let done = done(&events);
    assert!(done.fell_back);
    assert_eq!(done.fell_back_reason, Some(FellBackReason::Overloaded));
    for waiter in waiting {
        waiter.abort();
    }
}
