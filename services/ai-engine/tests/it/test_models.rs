//! The list of models, and the Job that makes models available.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use ai_engine_service::Caller;
use ai_engine_service::model_pull::{
    Error, ModelSettings, ModelSource, ModelUse, Settings, run, run_patiently,
};
use ai_engine_service::ollama::Ollama;
use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};
use shared_testkit::Stores;
use uuid::Uuid;

use crate::fake_ollama::FakeOllama;
use crate::test_app::TestApp;

#[tokio::test]
async fn models_are_listed_with_their_use() {
    let app = TestApp::new().await;
    app.state
        .embedder
        .embed_query(Caller::PLATFORM, "load it")
        .await
        .unwrap();
    let answer = app.owner(app.tenant).get("/ai-engine/v1/models").await;
    let models = answer.expect(StatusCode::OK)["models"].clone();
    let model_of = |name: &str| {
        let found = models
            .as_array()
            .unwrap()
            .iter()
            .find(|m| m["name"] == name);
        found.cloned().unwrap_or(Value::Null)
    };
    assert_eq!(model_of("tiny-llama")["use"], "chat");
    assert_eq!(model_of("tiny-llama").get("calibration"), None);
    assert_eq!(model_of("all-minilm")["use"], "embedding");
    assert_eq!(model_of("all-minilm")["loaded"], true);
    assert!(model_of("all-minilm")["size_bytes"].as_u64().unwrap() > 40_000_000);
}

#[tokio::test]
async fn a_missing_model_is_listed_as_not_present() {
    let app = TestApp::with_config(|config| config.engines.chat_model = "absent".to_owned()).await;
    let answer = app.owner(app.tenant).get("/ai-engine/v1/models").await;
    let listed = answer.expect(StatusCode::OK)["models"][0].clone();
    let expected = json!({"name": "absent", "use": "chat", "present": false, "loaded": false,
        "size_bytes": 0});
    assert_eq!(listed, expected);
}

fn settings(models: Vec<ModelSettings>) -> Settings {
    Settings {
        ollama_url: Stores::from_env().ollama,
        models,
        chat_model: "tiny-llama".to_owned(),
        embedding_model: "all-minilm".to_owned(),
    }
}

fn model(name: &str, source: ModelSource) -> ModelSettings {
    ModelSettings {
        name: name.to_owned(),
        purpose: ModelUse::Chat,
        source,
    }
}

#[tokio::test]
async fn available_models_are_proved_to_work() {
    let report = run(&settings(vec![
        model("tiny-llama", ModelSource::Image),
        model("all-minilm", ModelSource::Pull),
    ]))
    .await
    .unwrap();
    let report = serde_json::to_value(report).unwrap();
    assert_eq!(report["models"][0]["name"], "tiny-llama");
    assert_eq!(report["models"][0]["use"], "chat");
    assert!(report["models"][1]["size_bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_model_that_was_not_copied_from_its_image_is_reported() {
    let failure = run(&settings(vec![model("absent", ModelSource::Image)]))
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
async fn a_model_that_cannot_be_pulled_is_reported() {
    let fake = FakeOllama::before(&Stores::from_env().ollama).await;
    let mut settings = settings(vec![model("no/such/model:at-all", ModelSource::Pull)]);
    settings.ollama_url = fake.url();
    let failure = run(&settings).await.unwrap_err();
    assert!(matches!(failure, Error::Fetch { .. }), "{failure}");
}

#[tokio::test]
async fn a_model_that_cannot_chat_is_not_accepted_as_chat_model() {
    let mut settings = settings(Vec::new());
    settings.chat_model = "all-minilm".to_owned();
    let failure = run(&settings).await.unwrap_err();
    assert!(matches!(&failure, Error::Broken { model, .. } if model == "all-minilm"));
    settings.chat_model = "tiny-llama".to_owned();
    settings.embedding_model = "absent".to_owned();
    let failure = run(&settings).await.unwrap_err();
    assert!(failure.to_string().contains("absent"), "{failure}");
}

/// A small model file with random weights.
fn model_file(name: &str) -> Vec<u8> {
    let file = std::env::temp_dir().join(format!("{name}.gguf"));
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let written = Command::new("python3")
        .arg(root.join("tests/cluster/tiny_gguf.py"))
        .arg(&file)
        .status();
    assert!(written.unwrap().success());
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    bytes
}

#[tokio::test]
async fn a_host_of_a_file_that_is_not_there_is_waited_for() {
    let name = format!("t{}", Uuid::new_v4().simple());
    let bytes = model_file(&name);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/tiny.gguf");
    let settings = settings(vec![model(&name, ModelSource::Url(url))]);
    let patience = Duration::from_mins(1);
    let run = tokio::spawn(async move { run_patiently(&settings, patience).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!run.is_finished(), "a refused connection is not the end");
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let serve = move || async move { bytes };
    let router = Router::new().route("/tiny.gguf", axum::routing::get(serve));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let report = run.await.unwrap().unwrap();
    assert_eq!(report.models[0].name, name);
    let ollama = Ollama::new(&Stores::from_env().ollama).unwrap();
    ollama.delete_model(&name).await.unwrap();
}

#[tokio::test]
async fn what_no_wait_mends_fails_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/none.gguf", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new()).await });
    let started = Instant::now();
    for source in [ModelSource::Url(url), ModelSource::Image] {
        let settings = settings(vec![model("absent", source)]);
        let failure = run_patiently(&settings, Duration::from_mins(10)).await;
        assert!(failure.is_err());
    }
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_model_file_at_a_url_is_imported() {
    let name = format!("t{}", Uuid::new_v4().simple());
    let bytes = model_file(&name);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/tiny.gguf", listener.local_addr().unwrap());
    let serve = move || async move { bytes };
    let router = Router::new().route("/tiny.gguf", axum::routing::get(serve));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let report = run(&settings(vec![model(&name, ModelSource::Url(url.clone()))])).await;
    let report = report.unwrap();
    assert!(report.models[0].size_bytes > 100_000);
    let ollama = Ollama::new(&Stores::from_env().ollama).unwrap();
    ollama.load_model(&name).await.unwrap();
    ollama.delete_model(&name).await.unwrap();
    assert!(!ollama.has_model(&name).await.unwrap());

    let missing = model(&name, ModelSource::Url(url.replace("tiny", "other")));
    let failure = run(&settings(vec![missing])).await.unwrap_err();
    assert!(matches!(failure, Error::Download { .. }), "{failure}");
}
