//! The list of models, and the Job that makes them available.

use std::path::PathBuf;
use std::process::Command;

use ai_engine_service::models_job::settings::{Settings, Source, Use, Wanted};
use ai_engine_service::models_job::{Error, run};
use ai_engine_service::ollama::Ollama;
use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};
use shared_testkit::Stores;
use uuid::Uuid;

use crate::stand_in::StandIn;
use crate::world::World;

#[tokio::test]
async fn the_models_are_listed_with_their_use() {
    let world = World::new().await;
    world.state.embedder.query("load it").await.unwrap();
    let answer = world.owner(world.creator).get("/ai-engine/v1/models").await;
    let models = answer.expect(StatusCode::OK)["models"].clone();
    let of = |name: &str| {
        let found = models
            .as_array()
            .unwrap()
            .iter()
            .find(|m| m["name"] == name);
        found.cloned().unwrap_or(Value::Null)
    };
    assert_eq!(of("tiny-llama")["use"], "chat");
    assert_eq!(of("all-minilm")["use"], "embedding");
    assert_eq!(of("all-minilm")["loaded"], true);
    assert!(of("all-minilm")["size_bytes"].as_u64().unwrap() > 40_000_000);
}

#[tokio::test]
async fn a_model_that_is_not_there_is_reported() {
    let world = World::with(|config| config.engines.chat_model = "absent".to_owned()).await;
    let answer = world.owner(world.creator).get("/ai-engine/v1/models").await;
    let model = answer.expect(StatusCode::OK)["models"][0].clone();
    let expected = json!({"name": "absent", "use": "chat", "present": false, "loaded": false,
        "size_bytes": 0});
    assert_eq!(model, expected);
}

fn settings(models: Vec<Wanted>) -> Settings {
    Settings {
        ollama_url: Stores::from_env().ollama,
        models,
        chat_model: "tiny-llama".to_owned(),
        embedding_model: "all-minilm".to_owned(),
    }
}

fn wanted(name: &str, source: Source) -> Wanted {
    Wanted {
        name: name.to_owned(),
        purpose: Use::Chat,
        source,
    }
}

#[tokio::test]
async fn models_that_are_there_are_proved_to_work() {
    let report = run(&settings(vec![
        wanted("tiny-llama", Source::Image),
        wanted("all-minilm", Source::Pull),
    ]))
    .await
    .unwrap();
    let report = serde_json::to_value(report).unwrap();
    assert_eq!(report["models"][0]["name"], "tiny-llama");
    assert_eq!(report["models"][0]["use"], "chat");
    assert!(report["models"][1]["size_bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_model_that_its_image_did_not_hold_is_a_clear_failure() {
    let failure = run(&settings(vec![wanted("absent", Source::Image)]))
        .await
        .unwrap_err();
    assert!(matches!(failure, Error::NotCopied(_)));
    assert!(
        failure
            .to_string()
            .contains("model absent is not in the store")
    );
}

#[tokio::test]
async fn a_model_that_cannot_be_pulled_is_a_clear_failure() {
    let stand_in = StandIn::before(&Stores::from_env().ollama).await;
    let mut settings = settings(vec![wanted("no/such/model:at-all", Source::Pull)]);
    settings.ollama_url = stand_in.url();
    let failure = run(&settings).await.unwrap_err();
    assert!(matches!(failure, Error::Fetch { .. }), "{failure}");
}

#[tokio::test]
async fn a_chat_model_without_chat_is_found_out() {
    let mut settings = settings(Vec::new());
    settings.chat_model = "all-minilm".to_owned();
    let failure = run(&settings).await.unwrap_err();
    assert!(matches!(&failure, Error::Broken { model, .. } if model == "all-minilm"));
    settings.chat_model = "tiny-llama".to_owned();
    settings.embedding_model = "absent".to_owned();
    let failure = run(&settings).await.unwrap_err();
    assert!(failure.to_string().contains("absent"), "{failure}");
}

#[tokio::test]
async fn a_model_at_an_address_is_imported() {
    let name = format!("t{}", Uuid::new_v4().simple());
    let file = std::env::temp_dir().join(format!("{name}.gguf"));
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let written = Command::new("python3")
        .arg(root.join("tests/cluster/tiny_gguf.py"))
        .arg(&file)
        .status();
    assert!(written.unwrap().success());
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/tiny.gguf", listener.local_addr().unwrap());
    let serve = move || async move { bytes };
    let router = Router::new().route("/tiny.gguf", axum::routing::get(serve));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let report = run(&settings(vec![wanted(&name, Source::Url(url.clone()))])).await;
    let report = report.unwrap();
    assert!(report.models[0].size_bytes > 100_000);
    let ollama = Ollama::new(&Stores::from_env().ollama).unwrap();
    ollama.load(&name).await.unwrap();
    ollama.remove(&name).await.unwrap();
    assert!(!ollama.has(&name).await.unwrap());

    let missing = wanted(&name, Source::Url(url.replace("tiny", "other")));
    let failure = run(&settings(vec![missing])).await.unwrap_err();
    assert!(matches!(failure, Error::Download { .. }), "{failure}");
}
