//! An answer goes on after its caller has lost the connection, who reads on from the last event.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared_auth::Subject;
use shared_cache::{Cache, CacheSettings};
use shared_config::Secret;
use shared_models::{CreatorId, GenerationId, Role};
use shared_testkit::{Revoker, TestClient};
use tower::ServiceExt as _;

use crate::fake_ollama::ChatScript;
use crate::test_app::TestApp;

/// Asks, and gives the path of the record with the unread stream.
async fn ask(app: &TestApp, question: &Value) -> (String, Body) {
    let request = app
        .owner(app.tenant)
        .request(Method::POST, "/ai-engine/v1/answers")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(question.to_string()))
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let path = response.headers()[header::LOCATION].to_str().unwrap();
    (path.to_owned(), response.into_body())
}

fn question(mode: &str, resumable: bool) -> Value {
    json!({"question": "How cold should my bedroom be?", "mode": mode, "resumable": resumable})
}

async fn resume(app: &TestApp, tenant: CreatorId, path: &str, after: Option<&str>) -> Response {
    let request = app
        .owner(tenant)
        .request(Method::GET, &format!("{path}/events"));
    let request = match after {
        Some(after) => request.header("last-event-id", after),
        None => request,
    };
    let request = request.body(Body::empty()).unwrap();
    app.router.clone().oneshot(request).await.unwrap()
}

async fn read(body: Body) -> String {
    let bytes = body.collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn problem(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let body: Value = serde_json::from_str(&read(response.into_body()).await).unwrap();
    (status, body["code"].as_str().unwrap().to_owned())
}

/// The events as they were sent, each with its id.
fn blocks(stream: &str) -> Vec<&str> {
    let blocks = stream.split("\n\n").map(str::trim);
    blocks.filter(|block| block.contains("event:")).collect()
}

#[tokio::test]
async fn a_resumed_stream_has_what_came_after_the_last_event() {
    let app = TestApp::with_handbook().await;
    let (path, body) = ask(&app, &question("extractive", true)).await;
    let whole = read(body).await;
    let whole = blocks(&whole);
    assert!(whole.len() >= 3, "sources, text and the end: {whole:?}");
    for (index, block) in whole.iter().enumerate() {
        assert!(block.contains(&format!("id: {}", index + 1)), "{block}");
    }
    for after in 0..=whole.len() {
        let after_id = after.to_string();
        let resumed = resume(&app, app.tenant, &path, Some(&after_id)).await;
        assert_eq!(resumed.status(), StatusCode::OK);
        let resumed = read(resumed.into_body()).await;
        assert_eq!(blocks(&resumed), whole[after..], "after {after}");
    }
    let from_the_beginning = resume(&app, app.tenant, &path, None).await;
    let from_the_beginning = read(from_the_beginning.into_body()).await;
    assert_eq!(blocks(&from_the_beginning), whole);
}

#[tokio::test]
async fn an_answer_goes_on_without_its_caller_until_it_is_cancelled() {
    let app = TestApp::with_handbook().await;
    app.ollama
        .script_chat(ChatScript::Endless("Keep the bedroom cold. And "));
    let (path, mut body) = ask(&app, &question("generative", true)).await;
    let mut seen = String::new();
    while !seen.contains("event: token") {
        let frame = body.frame().await.unwrap().unwrap();
        seen += &String::from_utf8_lossy(&frame.into_data().unwrap());
    }
    let last = seen.rsplit("id: ").next().unwrap().trim().to_owned();
    drop(body);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!app.ollama.client_left(), "the model goes on");

    let resumed = resume(&app, app.tenant, &path, Some(&last)).await;
    let reading = tokio::spawn(read(resumed.into_body()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!reading.is_finished(), "the stream waits for what follows");
    let cancelled = app.owner(app.tenant).delete(&path).await;
    assert_eq!(cancelled.status, StatusCode::NO_CONTENT);
    let rest = tokio::time::timeout(Duration::from_secs(10), reading).await;
    let rest = rest.expect("the stream ends").unwrap();
    assert_eq!(blocks(&rest).len(), 1, "{rest}");
    assert!(rest.contains(r#""code":"cancelled""#), "{rest}");
    assert!(app.ollama.client_left());
}

#[tokio::test]
async fn only_resumable_answers_of_the_own_account_are_resumed() {
    let app = TestApp::with_handbook().await;
    let (path, body) = ask(&app, &question("extractive", false)).await;
    assert!(!read(body).await.contains("id: "));
    let not_kept = problem(resume(&app, app.tenant, &path, None).await).await;
    assert_eq!(not_kept, (StatusCode::GONE, "events_expired".to_owned()));

    let (path, body) = ask(&app, &question("extractive", true)).await;
    let events = blocks(&read(body).await).len();
    let foreign = problem(resume(&app, CreatorId::new(), &path, None).await).await;
    assert_eq!(
        foreign,
        (StatusCode::NOT_FOUND, "unknown_generation".to_owned())
    );
    let missing = format!("/ai-engine/v1/generations/{}", GenerationId::new());
    let missing = problem(resume(&app, app.tenant, &missing, None).await).await;
    assert_eq!(missing, foreign);
    let beyond = (events + 1).to_string();
    for wrong in ["-1", "x", "", "1.5", "99999999999", beyond.as_str()] {
        let refused = problem(resume(&app, app.tenant, &path, Some(wrong)).await).await;
        let expected = (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_fields".to_owned(),
        );
        assert_eq!(refused, expected, "{wrong}");
    }
}

#[tokio::test]
async fn an_answer_whose_replica_died_ends_its_resumed_stream() {
    let app = TestApp::with_handbook().await;
    app.ollama
        .script_chat(ChatScript::Endless("Keep the bedroom cold. And "));
    let (path, body) = ask(&app, &question("generative", true)).await;
    let resumed = resume(&app, app.tenant, &path, None).await;
    let mut resumed = resumed.into_body();
    let mut seen = String::new();
    while !seen.contains("event: token") {
        let frame = resumed.frame().await.unwrap().unwrap();
        seen += &String::from_utf8_lossy(&frame.into_data().unwrap());
    }
    // The events of a replica that died expire.
    let redis = CacheSettings {
        username: String::new(),
        password: Secret::default(),
        ..app.config.cache.clone()
    };
    let redis = Cache::new(&redis).unwrap();
    redis.forget_tenant(app.tenant).await.unwrap();
    let rest = tokio::time::timeout(Duration::from_secs(10), read(resumed)).await;
    let rest = rest.expect("the stream ends");
    assert!(rest.contains(r#""code":"stream_cut""#), "{rest}");
    drop(body);
}

#[tokio::test]
async fn a_stream_ends_with_the_token_and_a_new_one_reads_on() {
    let app = TestApp::with_handbook().await;
    app.ollama
        .script_chat(ChatScript::Endless("Keep the bedroom cold. And "));
    let mut claims = app.mint.claims(app.tenant, Role::Owner);
    // A token is accepted for five seconds after its end.
    claims.exp = claims.iat - 5 + 2;
    let client = TestClient::new(app.router.clone()).with_token(&app.mint.sign(&claims));
    let request = client
        .request(Method::POST, "/ai-engine/v1/answers")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(question("generative", true).to_string()))
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    let path = response.headers()[header::LOCATION].to_str().unwrap();
    let path = path.to_owned();
    let seen = tokio::time::timeout(Duration::from_secs(20), read(response.into_body())).await;
    let seen = seen.expect("the stream ends");
    let before = blocks(&seen);
    assert!(
        !seen.contains("event: done") && !seen.contains("event: error"),
        "{seen}"
    );
    assert!(before.len() >= 2, "{seen}");
    assert!(!app.ollama.client_left(), "the model goes on");
    let refused = client.get(&format!("{path}/events")).await;
    assert_eq!(refused.code(), "expired_token");

    let last = before.len().to_string();
    let resumed = resume(&app, app.tenant, &path, Some(&last)).await;
    assert_eq!(resumed.status(), StatusCode::OK);
    let reading = tokio::spawn(read(resumed.into_body()));
    let cancelled = app.owner(app.tenant).delete(&path).await;
    assert_eq!(cancelled.status, StatusCode::NO_CONTENT);
    let rest = tokio::time::timeout(Duration::from_secs(10), reading).await;
    let rest = rest.expect("the stream ends").unwrap();
    let next = format!("id: {}", before.len() + 1);
    assert!(blocks(&rest)[0].contains(&next), "no event is lost: {rest}");
}

#[tokio::test]
async fn an_answer_and_its_model_end_when_the_session_is_revoked() {
    let app = TestApp::with_handbook().await;
    app.ollama
        .script_chat(ChatScript::Endless("Keep the bedroom cold. And "));
    let claims = app.mint.claims(app.tenant, Role::Owner);
    let client = TestClient::new(app.router.clone()).with_token(&app.mint.sign(&claims));
    let request = client
        .request(Method::POST, "/ai-engine/v1/answers")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(question("generative", false).to_string()))
        .unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let auth = Revoker::new(&app.database, &app.config.cache);
    auth.revoke(Subject::Session(claims.sid)).await;
    let seen = tokio::time::timeout(Duration::from_secs(20), read(response.into_body())).await;
    let seen = seen.expect("the stream ends");
    assert!(
        !seen.contains("event: done") && !seen.contains("event: error"),
        "{seen}"
    );
    for _ in 0..100 {
        if app.ollama.client_left() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the model goes on");
}
