//! `/readyz` reports the availability of each dependency.

use axum::http::StatusCode;
use serde_json::Value;
use shared_ai_client::AnswerMode;
use shared_testkit::{Stores, TestClient};

use crate::test_app::{TestApp, proxy_before, proxy_url};

async fn readiness(app: &TestApp) -> (StatusCode, Vec<(String, bool)>) {
    let answer = TestClient::new(app.router.clone()).get("/readyz").await;
    let checks = answer.json()["checks"].as_array().unwrap().clone();
    let state = |check: &Value| {
        let name = check["name"].as_str().unwrap().to_owned();
        (name, check["ready"].as_bool().unwrap())
    };
    (answer.status, checks.iter().map(state).collect())
}

fn unavailable(checks: &[(String, bool)]) -> Vec<&str> {
    let unavailable = checks.iter().filter(|(_, ready)| !ready);
    unavailable.map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn all_four_stores_are_checked() {
    let app = TestApp::new().await;
    let (status, checks) = readiness(&app).await;
    assert_eq!(status, StatusCode::OK, "{checks:?}");
    let names: Vec<&str> = checks.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["postgres", "redis", "chroma", "ollama"]);
}

#[tokio::test]
async fn an_unavailable_store_is_named_and_its_return_is_noticed() {
    let mut chroma = proxy_before(&Stores::from_env().chroma);
    let url = proxy_url(&chroma);
    let app = TestApp::with_config(|config| {
        config.engines.chroma_url = url;
        config.cache.port = 1;
    })
    .await;
    let (status, checks) = readiness(&app).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(unavailable(&checks), ["redis", "chroma"]);
    chroma.open().await;
    assert_eq!(unavailable(&readiness(&app).await.1), ["redis"]);
}

#[tokio::test]
async fn a_missing_chat_model_is_unready_only_if_answers_must_be_generative() {
    for (tags, mode, ready) in [
        ("tiny-llama", AnswerMode::Auto, false),
        ("all-minilm", AnswerMode::Auto, true),
        ("all-minilm", AnswerMode::Extractive, true),
        ("all-minilm", AnswerMode::Generative, false),
    ] {
        let app = TestApp::with_config(|config| config.engines.answer_mode = mode).await;
        let listed = format!(r#"{{"models":[{{"name":"{tags}:latest","size":1}}]}}"#);
        app.ollama.script_models(&listed);
        let (_, checks) = readiness(&app).await;
        assert_eq!(unavailable(&checks).is_empty(), ready, "{tags} {mode:?}");
    }
}
