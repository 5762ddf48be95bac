//! The binary itself: what it says when it cannot start, that it serves and works, how it ends.

use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use shared_config::{Service, keys};
use shared_rpc::http_client;
use shared_testkit::{TokenMint, service_keys};
use tokio::time::sleep;

use crate::test_app::TestApp;

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_creator-hub-service"));
    command.env_clear();
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn without_settings_it_names_them_all_and_fails() {
    let output = binary().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    for key in [
        keys::DATABASE_HOST,
        keys::DATABASE_USER,
        keys::DATABASE_PASSWORD,
        keys::REDIS_HOST,
        keys::AUTH_URL,
        keys::AI_ENGINE_URL,
        keys::UPLOAD_DIR,
        keys::CREATOR_HUB_TO_AI_ENGINE_KEY,
        keys::CHANNEL_TO_CREATOR_HUB_KEY,
        keys::TOKEN_ISSUER,
        keys::TOKEN_AUDIENCE,
    ] {
        assert!(said(&output).contains(key), "{key}: {}", said(&output));
    }
}

#[test]
fn it_prints_its_document_without_any_setting() {
    let output = binary().arg("openapi").output().unwrap();
    assert!(output.status.success());
    assert_eq!(
        said(&output),
        format!("{}\n", creator_hub_service::openapi())
    );
    assert_eq!(
        binary().arg("dance").output().unwrap().status.code(),
        Some(1)
    );
}

/// A running binary; killed when a test fails.
struct Running {
    process: Child,
    base: String,
    listen: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts the binary on the stores of that app; the mint's keys are at `auth`.
async fn start(app: &TestApp, auth: &str) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    drop(listener);
    let (database, verifier) = (
        app.database.settings(Service::CreatorHub),
        &app.config.verifier,
    );
    let process = binary()
        .env(keys::LISTEN_ADDR, &listen)
        .env(keys::METRICS_ADDR, "127.0.0.1:0")
        .env(keys::DATABASE_HOST, &database.host)
        .env(keys::DATABASE_PORT, database.port.to_string())
        .env(keys::DATABASE_NAME, &database.name)
        .env(keys::DATABASE_USER, &database.user)
        .env(keys::DATABASE_PASSWORD, database.password.expose())
        .env(keys::REDIS_HOST, &app.config.cache.host)
        .env(keys::REDIS_PORT, app.config.cache.port.to_string())
        .env(keys::AUTH_URL, auth)
        .env(keys::TOKEN_ISSUER, &verifier.issuer)
        .env(keys::TOKEN_AUDIENCE, &verifier.audience)
        .envs(service_keys(Service::CreatorHub))
        .env(keys::AI_ENGINE_URL, &app.engine.url)
        .env(keys::UPLOAD_DIR, &app.config.upload_dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running {
        process,
        base: format!("http://{listen}"),
        listen,
    };
    let started = Instant::now();
    while !healthy(&running) {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "it does not start"
        );
        sleep(Duration::from_millis(20)).await;
    }
    running
}

fn healthy(running: &Running) -> bool {
    let mut command = binary();
    command
        .arg("healthcheck")
        .env(keys::LISTEN_ADDR, &running.listen);
    command.status().unwrap().success()
}

/// Publishes a mint's keys where auth would; gives the address.
async fn publish(mint: &TokenMint) -> String {
    let keys = mint.key_set();
    let answer = move || {
        let keys = keys.clone();
        async move { axum::Json(keys) }
    };
    let router = axum::Router::new().route(shared_config::wiring::JWKS, axum::routing::get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

#[tokio::test]
async fn it_serves_works_and_ends_when_told() {
    let app = TestApp::new().await;
    let auth = publish(&app.mint).await;
    let mut running = start(&app, &auth).await;
    let indexing = tokio::spawn(app.indexing().run(app.stop.clone()));
    let (http, token) = (http_client::new().unwrap(), app.mint.owner(app.creator));
    let ready = http
        .get(format!("{}/readyz", running.base))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 200);

    let documents = format!("{}/creator-hub/v1/documents", running.base);
    let file = reqwest::multipart::Part::text("Breathe slowly.").file_name("calm.txt");
    let form = reqwest::multipart::Form::new()
        .part("file", file)
        .text("title", "Calm");
    let sent = http
        .post(&documents)
        .bearer_auth(&token)
        .multipart(form)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 202);
    let body: Value = sent.json().await.unwrap();
    let id = body["document"]["id"].as_str().unwrap();
    let events = http
        .get(format!("{documents}/{id}/events"))
        .bearer_auth(&token)
        .send();
    let text = events.await.unwrap().text().await.unwrap();
    assert!(text.contains("event: done"), "{text}");
    app.stop.cancel();
    indexing.await.unwrap();

    let pid = running.process.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let told = Instant::now();
    assert_eq!(running.process.wait().unwrap().code(), Some(0));
    assert!(
        told.elapsed() < Duration::from_secs(10),
        "{:?}",
        told.elapsed()
    );
    assert!(!healthy(&running), "nobody answers any more");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_answered_over_a_real_connection() {
    let app = TestApp::new().await;
    let auth = publish(&app.mint).await;
    let running = start(&app, &auth).await;
    let (http, token) = (http_client::new().unwrap(), app.mint.owner(app.creator));
    let documents = format!("{}/creator-hub/v1/documents", running.base);
    let content = vec![b'a'; 50 * 1024 * 1024 + 1];
    let file = reqwest::multipart::Part::bytes(content).file_name("large.txt");
    let form = reqwest::multipart::Form::new().part("file", file);
    let sent = http
        .post(&documents)
        .bearer_auth(&token)
        .multipart(form)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 413);
    let body: Value = sent.json().await.unwrap();
    assert_eq!(body["code"], "file_too_large");
    assert!(app.files().is_empty());
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the administrator holds a lock over several statements"
)]
async fn one_that_is_killed_is_followed_by_one_that_finishes_its_work() {
    let app = TestApp::new().await;
    let auth = publish(&app.mint).await;
    // It cannot commit what it has extracted, until it is killed.
    let admin = app.admin().await;
    let mut blocked = admin.acquire().await.unwrap();
    for statement in ["begin", "lock table hub.artefacts in access exclusive mode"] {
        let done = sqlx::query(statement).execute(&mut *blocked).await;
        done.unwrap();
    }
    let id = app.uploaded("a.txt", "text").await;
    let mut killed = start(&app, &auth).await;
    let running = "select count(*) from platform.jobs where state = 'running'";
    while app.count(running).await == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    killed.process.kill().unwrap();
    killed.process.wait().unwrap();
    let freed = sqlx::query("rollback").execute(&mut *blocked).await;
    freed.unwrap();
    // Nobody waits for the whole lease here.
    app.execute(
        "update platform.jobs set lease_until = now() - interval '1 s'
             where state = 'running'",
    )
    .await;
    let _next = start(&app, &auth).await;
    let indexing = tokio::spawn(app.indexing().run(app.stop.clone()));
    let begun = Instant::now();
    while app.status(&id).await["state"] != "ready" {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{}",
            app.status(&id).await
        );
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(app.status(&id).await["attempts"], 2);
    app.stop.cancel();
    indexing.await.unwrap();
}
