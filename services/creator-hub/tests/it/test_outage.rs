//! A store that is unavailable is named, and its return needs no restart.

use std::fs;

use http::StatusCode;
use shared_config::Service;
use shared_testkit::{Answer, Stores, TcpProxy, TestDatabase};

use crate::test_app::{DOCUMENTS, TestApp, upload};

fn away(answer: &Answer, dependency: &str) {
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        answer.text()
    );
    assert_eq!(answer.code(), "dependency_unavailable");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with(dependency), "{detail}");
    assert!(answer.headers.contains_key("retry-after"));
}

fn unready(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    assert_eq!(body["ready"], answer.status == StatusCode::OK);
    let checks = body["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 3);
    let names = checks.iter().filter(|check| check["ready"] == false);
    names
        .map(|check| check["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_database_goes_and_comes_back() {
    let stores = Stores::from_env();
    let database = TestDatabase::new(&stores).await;
    let direct = database.settings(Service::CreatorHub);
    let mut gate = TcpProxy::closed((direct.host.clone(), direct.port));
    let port = gate.port;
    let app = TestApp::with(|config| {
        config.database.host = "127.0.0.1".to_owned();
        config.database.port = port;
    })
    .await;
    // Together, as each of them waits for a connection until it gives up.
    let (listed, uploaded, ready) = tokio::join!(
        app.ana.get(DOCUMENTS),
        upload(&app.ana, "a.txt", b"text"),
        app.anonymous.get("/readyz")
    );
    away(&listed, "postgres");
    away(&uploaded, "postgres");
    assert!(app.files().is_empty());
    assert_eq!(unready(&ready), ["postgres"]);
    assert_eq!(app.anonymous.get("/livez").await.status, StatusCode::OK);

    gate.open().await;
    let id = app.uploaded("a.txt", "text").await;
    assert_eq!(
        unready(&app.anonymous.get("/creator-hub/readyz").await),
        [] as [String; 0]
    );
    gate.close().await;
    away(&app.ana.get(&format!("{DOCUMENTS}/{id}")).await, "postgres");
    gate.open().await;
    app.work_off().await;
    assert_eq!(app.status(&id).await["state"], "ready");
}

#[tokio::test]
async fn without_redis_people_read_and_change_and_documents_are_processed() {
    let app = TestApp::with(|config| config.cache.port = 1).await;
    assert_eq!(unready(&app.anonymous.get("/readyz").await), ["redis"]);
    app.ready("a.txt", "text").await;
    app.ana.get(DOCUMENTS).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn without_ai_engine_the_hub_is_ready() {
    let app = TestApp::with(|config| config.ai_engine_url = "http://127.0.0.1:1".to_owned()).await;
    assert_eq!(
        unready(&app.anonymous.get("/readyz").await),
        [] as [String; 0]
    );
    app.uploaded("a.txt", "text").await;
}

#[tokio::test]
async fn a_file_store_that_cannot_be_written_is_named() {
    let app = TestApp::new().await;
    fs::write(&app.config.upload_dir, "in the way").unwrap();
    away(&upload(&app.ana, "a.txt", b"text").await, "files");
    assert_eq!(unready(&app.anonymous.get("/readyz").await), ["files"]);
    assert_eq!(app.count("select count(*) from hub.documents").await, 0);
    fs::remove_file(&app.config.upload_dir).unwrap();
    app.uploaded("a.txt", "text").await;
    assert_eq!(
        unready(&app.anonymous.get("/readyz").await),
        [] as [String; 0]
    );
}
