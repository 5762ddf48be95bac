//! The records of answers.

use axum::http::StatusCode;
use serde_json::{Value, json};
use shared_models::{CreatorId, GenerationId};
use shared_testkit::published_events;

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
