//! Faults of a preferred model server: the next one answers, and the answer says so.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};
use shared_ai_client::{AnswerEvent, AnswerMode, FallbackReason};
use shared_testkit::{Stores, TestClient};

use crate::fake_ollama::{ChatScript, FakeOllama, delta, done_line};
use crate::faulty_server::{Does, FaultyServer, chunk, server};
use crate::test_app::{HANDBOOK, TestApp, done, proxy_before, proxy_url, text};
use crate::test_model_servers::{COLD, SUPPORTED, question, record, servers, with_servers};

/// An app whose Ollama writes what the handbook supports, after this server.
async fn before_ollama(faulty: &FaultyServer) -> TestApp {
    let app = with_servers(vec![faulty.for_chat()]).await;
    let said = delta("Keep the bedroom cold.");
    app.ollama
        .script_chat(ChatScript::Chunks(vec![said, done_line()]));
    app
}

async fn assert_fallback(app: &TestApp, mode: &str, reason: FallbackReason) {
    let events = app.events(app.tenant, &question(mode)).await;
    let done = done(&events);
    assert_eq!(text(&events), "Keep the bedroom cold [1].", "{reason:?}");
    assert_eq!(done.mode, AnswerMode::Generative, "{reason:?}");
    assert_eq!(done.server.as_deref(), Some("ollama"), "{reason:?}");
    assert_eq!(done.model.as_deref(), Some("tiny-llama"));
    assert!(done.fallback && !done.fell_back, "{done:?}");
    assert_eq!(done.fallback_reason, Some(reason));
    let record = record(app, &done).await;
    assert_eq!(record["server"], "ollama");
    assert_eq!(record["fallback"], true);
    assert_eq!(record["fallback_reason"], reason.as_str());
}

#[tokio::test]
async fn whatever_fails_before_the_first_token_goes_to_the_next_server() {
    let nothing_yet = chunk(&json!({"role": "assistant", "content": ""}));
    let failed = "data: {\"error\": {\"message\": \"out of memory\"}}\n\n".to_owned();
    for (does, reason) in [
        (Does::Limits(60), FallbackReason::Overloaded),
        (Does::Refuses(503), FallbackReason::Overloaded),
        (Does::Refuses(500), FallbackReason::Failed),
        (Does::Refuses(504), FallbackReason::Failed),
        (Does::Refuses(401), FallbackReason::Misconfigured),
        (Does::Refuses(403), FallbackReason::Misconfigured),
        (Does::Refuses(404), FallbackReason::Misconfigured),
        (Does::Refuses(307), FallbackReason::Misconfigured),
        (Does::Breaks(nothing_yet.clone()), FallbackReason::Failed),
        (Does::Sends(nothing_yet + &failed), FallbackReason::Failed),
        (Does::Sends("<html>".to_owned()), FallbackReason::Failed),
        (
            Does::Sends("data: {no\n\n".to_owned()),
            FallbackReason::Malformed,
        ),
    ] {
        let faulty = FaultyServer::that(does.clone()).await;
        let app = before_ollama(&faulty).await;
        assert_fallback(&app, "generative", reason).await;
        assert_eq!(faulty.calls(), 1, "{does:?}");
        // Left alone for a while: the next question costs nothing.
        assert_fallback(&app, "auto", reason).await;
        assert_eq!(faulty.calls(), 1, "{does:?}");
        let listed = servers(&app).await;
        assert_eq!(listed[0]["server"], "other");
        assert_eq!(listed[0]["available"], false, "{listed}");
        assert_eq!(listed[0]["reason"], reason.as_str(), "{listed}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_costs_its_timeout_once() {
    let hanging = [Does::Hangs, Does::HangsAfterHeaders].map(async |does| {
        let faulty = FaultyServer::that(does.clone()).await;
        let app = before_ollama(&faulty).await;
        assert_fallback(&app, "generative", FallbackReason::Timeout).await;
        // Left alone for 30 s: this one does not wait for it.
        assert_fallback(&app, "auto", FallbackReason::Timeout).await;
        assert_eq!(faulty.calls(), 1, "{does:?}");
    });
    futures_util::future::join_all(hanging).await;
}

#[tokio::test]
async fn in_mode_auto_a_server_that_hangs_leaves_time_for_the_next() {
    let faulty = FaultyServer::that(Does::Hangs).await;
    let app = before_ollama(&faulty).await;
    let started = Instant::now();
    let first = done(&app.events(app.tenant, &question("auto")).await);
    assert!(started.elapsed() < Duration::from_secs(8), "{first:?}");
    // Whether the next server had time enough depends on the machine.
    assert!(first.fallback || first.fell_back, "{first:?}");
    assert_fallback(&app, "auto", FallbackReason::Timeout).await;
    assert_eq!(faulty.calls(), 1);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_passed_over() {
    let url = "http://127.0.0.1:1/v1";
    let app = with_servers(vec![server(url, Some("big-chat"), None)]).await;
    let said = delta("Keep the bedroom cold.");
    app.ollama
        .script_chat(ChatScript::Chunks(vec![said, done_line()]));
    assert_fallback(&app, "generative", FallbackReason::Unreachable).await;
}

#[tokio::test]
async fn retry_after_is_obeyed_and_the_server_is_asked_again() {
    let faulty = FaultyServer::that(Does::Limits(1)).await;
    let app = before_ollama(&faulty).await;
    assert_fallback(&app, "generative", FallbackReason::Overloaded).await;
    faulty.does(Does::Says(SUPPORTED));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let done = done(&app.events(app.tenant, &question("generative")).await);
    assert_eq!(done.server.as_deref(), Some("other"));
    assert!(!done.fallback);
    assert_eq!(servers(&app).await[0]["available"], true);
}

#[tokio::test]
async fn a_failure_after_the_first_token_ends_the_answer() {
    let shown = chunk(&json!({"content": "Keep the bedroom cold. "}));
    let faulty = FaultyServer::that(Does::Breaks(shown)).await;
    let app = before_ollama(&faulty).await;
    let events = app.events(app.tenant, &question("generative")).await;
    let Some(AnswerEvent::Error(failure)) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(failure.code.as_str(), "stream_cut");
    assert_eq!(app.ollama.last_chat(), Value::Null, "two models never mix");
    // The next question goes elsewhere.
    assert_fallback(&app, "generative", FallbackReason::Failed).await;
}

#[tokio::test]
async fn servers_are_asked_in_order_until_one_answers() {
    let first = FaultyServer::that(Does::Refuses(500)).await;
    let second = FaultyServer::that(Does::Says(SUPPORTED)).await;
    let mut settings = second.for_chat();
    settings.name = "second".to_owned();
    let app = with_servers(vec![first.for_chat(), settings]).await;
    let done = done(&app.events(app.tenant, &question("generative")).await);
    assert_eq!(done.server.as_deref(), Some("second"));
    assert_eq!(done.fallback_reason, Some(FallbackReason::Failed));
    assert_eq!(app.ollama.last_chat(), Value::Null);
}

#[tokio::test]
async fn if_every_server_fails_the_answer_is_what_it_is_without_ollama() {
    let faulty = FaultyServer::that(Does::Refuses(503)).await;
    let app = with_servers(vec![faulty.for_chat()]).await;
    app.ollama.script_chat(ChatScript::Status(500));
    let done = done(&app.events(app.tenant, &question("auto")).await);
    assert_eq!((done.mode, done.fell_back), (AnswerMode::Extractive, true));
    assert_eq!((done.server, done.fallback), (None, false));
}

#[tokio::test]
async fn while_ollama_is_unavailable_another_server_answers_and_the_service_is_ready() {
    let faulty = FaultyServer::that(Does::Says(SUPPORTED)).await;
    let real = Stores::from_env().ollama;
    let vectors = FaultyServer::that(Does::Embeds(384)).await;
    let fake = FakeOllama::before(&real).await;
    let mut ollama = proxy_before(&fake.url());
    ollama.open().await;
    let own = proxy_url(&ollama);
    let mut embedder = vectors.for_embeddings();
    embedder.name = "embedder".to_owned();
    let servers = vec![faulty.for_chat(), embedder];
    let app = TestApp::with_config(|config| {
        config.engines.ollama_url = own;
        config.engines.model_servers = servers;
    })
    .await;
    app.index(app.tenant, HANDBOOK).await;
    ollama.close().await;
    let done = done(&app.events(app.tenant, &question("generative")).await);
    assert_eq!(done.server.as_deref(), Some("other"));
    app.index(app.tenant, "# Tea\n\nGreen tea steeps for two minutes.")
        .await;
    let found = app
        .search(app.tenant, "How long does green tea steep?")
        .await;
    assert!(found[0].text.contains("two minutes"), "{found:?}");
    let ready = TestClient::new(app.router.clone()).get("/readyz").await;
    assert_eq!(ready.status, StatusCode::OK, "{}", ready.text());
    let listed = app.owner(app.tenant).get("/ai-engine/v1/models").await;
    assert_eq!(listed.expect(StatusCode::OK)["models"][0]["present"], false);
}

#[tokio::test]
async fn vectors_of_another_length_are_not_used() {
    let faulty = FaultyServer::that(Does::Embeds(3)).await;
    let app = with_servers(vec![faulty.for_embeddings()]).await;
    assert!(faulty.calls() > 0, "it was asked");
    assert!(app.ollama.embedded_texts() > 0, "Ollama made the vectors");
    let found = app.search(app.tenant, COLD).await;
    assert!(found[0].text.starts_with("Keep the bedroom cold"));
    let listed = servers(&app).await;
    let listed = listed.as_array().unwrap();
    let other = listed.iter().find(|one| one["server"] == "other").unwrap();
    assert_eq!(other["use"], "embedding");
    assert_eq!(other["reason"], "misconfigured");
}

#[tokio::test]
async fn a_server_of_vectors_that_fails_is_replaced() {
    for does in [
        Does::Refuses(500),
        Does::Limits(60),
        Does::Sends("no".to_owned()),
    ] {
        let faulty = FaultyServer::that(does.clone()).await;
        let app = with_servers(vec![faulty.for_embeddings()]).await;
        assert!(faulty.calls() > 0, "{does:?}: it was asked");
        assert!(app.ollama.embedded_texts() > 0, "{does:?}");
        let found = app.search(app.tenant, COLD).await;
        assert!(found[0].text.starts_with("Keep the bedroom"), "{does:?}");
    }
}
