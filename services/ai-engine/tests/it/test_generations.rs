//! The records of answers.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared_models::{CreatorId, GenerationId};
use shared_testkit::published_events;
use tower::ServiceExt as _;

use crate::fake_ollama::ChatScript;
use crate::test_app::{TestApp, done};

fn path(id: GenerationId) -> String {
    format!("/ai-engine/v1/generations/{id}")
}

#[tokio::test]
async fn the_record_of_an_answer_contains_no_text_of_it() {
    let app = TestApp::with_handbook().await;
    let question = json!({"question": "How cold should my bedroom be?", "mode": "extractive"});
    let done = done(&app.events(app.tenant, &question).await);
    let owner = app.owner(app.tenant);
    let record = owner
        .get(&path(done.generation_id))
        .await
        .expect(StatusCode::OK);
    assert_eq!(record["state"], "completed");
    assert_eq!(record["mode"], "extractive");
    assert_eq!(record["citations"], json!([1]));
    assert_eq!(
        record["usage"],
        json!({"prompt_tokens": 0, "completion_tokens": 0})
    );
    let pool = app.database.admin().await;
    let all: String = sqlx::query_scalar("select string_agg(g::text, ' ') from ai.generations g")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(!all.contains("bedroom"), "{all}");
}

#[tokio::test]
async fn the_record_of_a_generative_answer_has_model_and_tokens() {
    let app = TestApp::with_handbook().await;
    let question = json!({"question": "Can I get a refund?", "mode": "generative", "passages": 1});
    let done = done(&app.events(app.tenant, &question).await);
    let owner = app.owner(app.tenant);
    let record = owner
        .get(&path(done.generation_id))
        .await
        .expect(StatusCode::OK);
    assert_eq!(record["model"], "tiny-llama");
    assert_eq!(
        record["usage"]["completion_tokens"],
        done.usage.completion_tokens
    );
    let pool = app.database.admin().await;
    let used = json!({
        "answers": 1,
        "prompt_tokens": done.usage.prompt_tokens,
        "completion_tokens": done.usage.completion_tokens,
    });
    let recorded = ("usage.recorded".to_owned(), json!({"used": used}));
    let events = published_events(&pool, app.tenant).await;
    assert_eq!(events.last(), Some(&recorded));
}

#[tokio::test]
async fn a_record_of_another_tenant_looks_like_a_missing_one() {
    let app = TestApp::with_handbook().await;
    let question = json!({"question": "Can I get a refund?", "mode": "extractive"});
    let done = done(&app.events(app.tenant, &question).await);
    let other = app.owner(CreatorId::new());
    let without_trace_id = |mut problem: Value| {
        problem["trace_id"] = Value::Null;
        problem
    };
    let foreign = other
        .get(&path(done.generation_id))
        .await
        .expect(StatusCode::NOT_FOUND);
    let missing = other
        .get(&path(GenerationId::new()))
        .await
        .expect(StatusCode::NOT_FOUND);
    assert_eq!(foreign["code"], "unknown_generation");
    assert_eq!(without_trace_id(foreign), without_trace_id(missing));
    let bad = other.get("/ai-engine/v1/generations/7").await;
    assert_eq!(bad.code(), "malformed_id");
}

#[tokio::test]
async fn records_are_listed_newest_first_by_state_and_for_their_tenant_only() {
    let app = TestApp::with_handbook().await;
    let question = json!({"question": "Can I get a refund?", "mode": "extractive"});
    let mut ids = Vec::new();
    for _ in 0..3 {
        let done = done(&app.events(app.tenant, &question).await);
        ids.insert(0, json!(done.generation_id));
    }
    let owner = app.owner(app.tenant);
    let list = "/ai-engine/v1/generations";
    let of = |page: &Value| -> Vec<Value> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|record| record["id"].clone()).collect()
    };
    let first = owner.get(&format!("{list}?limit=2")).await;
    let first = first.expect(StatusCode::OK);
    assert_eq!(of(&first), ids[..2]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = owner.get(&format!("{list}?limit=2&cursor={cursor}")).await;
    assert_eq!(of(&second.expect(StatusCode::OK)), ids[2..]);
    for (state, expected) in [("completed", &ids[..]), ("failed", &[])] {
        let page = owner.get(&format!("{list}?state={state}")).await;
        assert_eq!(of(&page.expect(StatusCode::OK)), expected, "{state}");
    }
    let other = app.owner(CreatorId::new());
    let page = other.get(list).await.expect(StatusCode::OK);
    assert_eq!(of(&page), Vec::<Value>::new());
    // A cursor of one tenant is none of another's.
    for query in [
        "limit=0",
        "state=lost",
        "sort=up",
        &format!("cursor={cursor}"),
    ] {
        let refused = other.get(&format!("{list}?{query}")).await;
        assert_eq!(refused.code(), "invalid_query", "{query}");
    }
}

/// Asks for an answer that never ends; gives the path of its record and the unread stream.
async fn endless_answer(app: &TestApp, chat: ChatScript) -> (String, Body) {
    app.ollama.script_chat(chat);
    let question = json!({"question": "How cold should my bedroom be?", "mode": "generative"});
    let request = app
        .owner(app.tenant)
        .request(Method::POST, "/ai-engine/v1/answers")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(question.to_string()))
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    let path = response.headers()[header::LOCATION].to_str().unwrap();
    (path.to_owned(), response.into_body())
}

async fn model_stops(app: &TestApp) {
    let started = Instant::now();
    while !app.ollama.client_left() {
        let waited = started.elapsed();
        assert!(
            waited < Duration::from_secs(2),
            "the model is still running"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_answer_is_cancelled_by_its_location_and_the_stream_says_so() {
    let app = TestApp::with_handbook().await;
    let owner = app.owner(app.tenant);
    let chat = ChatScript::Endless("Keep the bedroom cold. And ");
    let (path, mut body) = endless_answer(&app, chat).await;
    let mut seen = String::new();
    while !seen.contains("event: token") {
        let frame = body.frame().await.unwrap().unwrap();
        seen += &String::from_utf8_lossy(&frame.into_data().unwrap());
    }
    // Another account learns nothing of it and stops nothing.
    let foreign = app.owner(CreatorId::new()).delete(&path).await;
    assert_eq!(foreign.code(), "unknown_generation");
    assert!(!app.ollama.client_left());
    let answer = owner.delete(&path).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let rest = body.collect().await.unwrap().to_bytes();
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains(r#""code":"cancelled""#), "{rest}");
    model_stops(&app).await;
    let record = owner.get(&path).await.expect(StatusCode::OK);
    assert_eq!(record["state"], "cancelled");
    // Too late, or twice: nothing happens to the record.
    let again = owner.delete(&path).await;
    assert_eq!(again.status, StatusCode::NO_CONTENT);
    assert_eq!(owner.get(&path).await.expect(StatusCode::OK), record);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_cancelled_too() {
    let app = TestApp::with_handbook().await;
    let chat = ChatScript::Repeated("Keep the bedroom cold. And ");
    let (path, body) = endless_answer(&app, chat).await;
    // Long enough to fill the buffer of events, so that the answer waits for its reader.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!app.ollama.client_left());
    let answer = app.owner(app.tenant).delete(&path).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    model_stops(&app).await;
    drop(body);
}
