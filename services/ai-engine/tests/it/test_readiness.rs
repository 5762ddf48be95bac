//! `/readyz` says the truth about each dependency.

use axum::http::StatusCode;
use serde_json::Value;
use shared_ai_client::AnswerMode;
use shared_testkit::{Stores, TestClient};

use crate::stand_in::Door;
use crate::world::World;

async fn readiness(world: &World) -> (StatusCode, Vec<(String, bool)>) {
    let answer = TestClient::new(world.router.clone()).get("/readyz").await;
    let checks = answer.json()["checks"].as_array().unwrap().clone();
    let state = |check: &Value| {
        let name = check["name"].as_str().unwrap().to_owned();
        (name, check["ready"].as_bool().unwrap())
    };
    (answer.status, checks.iter().map(state).collect())
}

fn away(checks: &[(String, bool)]) -> Vec<&str> {
    let away = checks.iter().filter(|(_, ready)| !ready);
    away.map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn all_four_stores_are_asked() {
    let world = World::new().await;
    let (status, checks) = readiness(&world).await;
    assert_eq!(status, StatusCode::OK, "{checks:?}");
    let names: Vec<&str> = checks.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["postgres", "redis", "chroma", "ollama"]);
}

#[tokio::test]
async fn what_is_away_is_named_and_comes_back() {
    let chroma = Door::before(&Stores::from_env().chroma, false).await;
    let url = chroma.url.clone();
    let world = World::with(|config| {
        config.engines.chroma_url = url;
        config.cache.port = 1;
    })
    .await;
    let (status, checks) = readiness(&world).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(away(&checks), ["redis", "chroma"]);
    chroma.open();
    assert_eq!(away(&readiness(&world).await.1), ["redis"]);
}

#[tokio::test]
async fn a_missing_embedding_model_is_unready_and_a_missing_chat_model_only_where_it_is_needed() {
    for (tags, mode, ready) in [
        ("tiny-llama", AnswerMode::Auto, false),
        ("all-minilm", AnswerMode::Auto, true),
        ("all-minilm", AnswerMode::Extractive, true),
        ("all-minilm", AnswerMode::Generative, false),
    ] {
        let world = World::with(|config| config.engines.answer_mode = mode).await;
        let listed = format!(r#"{{"models":[{{"name":"{tags}:latest","size":1}}]}}"#);
        world.ollama.tags(&listed);
        let (_, checks) = readiness(&world).await;
        assert_eq!(away(&checks).is_empty(), ready, "{tags} {mode:?}");
    }
}
