//! Following a document to its end.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use shared_ai_client::IngestionFailure;
use shared_auth::Subject;
use shared_models::{Retry, Role};
use shared_testkit::{Answer, Revoker};
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use crate::engine::Reply;
use crate::test_app::{DOCUMENTS, TestApp};

/// The events of a stream: name and data.
fn events(answer: &Answer) -> Vec<(String, Value)> {
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let text = answer.text();
    let blocks = text.split("\n\n").filter(|block| block.contains("event:"));
    let line = |block: &str, name: &str| {
        let found = block.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap().trim().to_owned()
    };
    let read = |block: &str| {
        let data = serde_json::from_str(&line(block, "data:")).unwrap();
        (line(block, "event:"), data)
    };
    blocks.map(read).collect()
}

/// An open stream: what happens from now on is told in it.
async fn open(app: &TestApp, id: &str) -> Response<Body> {
    let request = app
        .ana
        .request(Method::GET, &format!("{DOCUMENTS}/{id}/events"));
    let router = creator_hub_service::app(app.state.clone());
    router
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

/// Reads a stream to its end.
async fn to_end(stream: Response<Body>) -> Answer {
    let (parts, body) = stream.into_parts();
    let whole = timeout(Duration::from_secs(30), body.collect())
        .await
        .expect("the stream ends");
    let body = whole.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

#[tokio::test]
async fn a_document_is_followed_until_it_is_done() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    let stream = open(&app, &id).await;
    let (answer, ()) = tokio::join!(to_end(stream), app.work_off());
    let events = events(&answer);
    let (first, last) = (&events[0], &events[events.len() - 1]);
    assert_eq!(
        (&first.0[..], &first.1["state"]),
        ("progress", &json!("pending"))
    );
    assert_eq!((&last.0[..], &last.1["state"]), ("done", &json!("ready")));
    assert_eq!(
        (&last.1["progress"], &last.1["chunk_count"]),
        (&json!(100), &json!(3))
    );
    let percents: Vec<_> = events
        .iter()
        .map(|event| event.1["progress"].as_i64().unwrap())
        .collect();
    assert!(percents.is_sorted(), "{percents:?}");
    assert!(
        events[..events.len() - 1]
            .iter()
            .all(|event| event.0 == "progress")
    );
}

#[tokio::test]
async fn a_failure_is_the_last_event_with_its_reason() {
    let app = TestApp::new().await;
    app.engine
        .reply(Reply::Fails(IngestionFailure::EmptyDocument, Retry::Never));
    let id = app.uploaded("a.txt", "text").await;
    let stream = open(&app, &id).await;
    let (answer, ()) = tokio::join!(to_end(stream), app.work_off());
    let events = events(&answer);
    let last = &events[events.len() - 1];
    assert_eq!(
        (&last.0[..], &last.1["error"]["code"]),
        ("error", &json!("empty_document"))
    );
}

#[tokio::test]
async fn what_has_ended_is_told_in_one_event() {
    let app = TestApp::new().await;
    let id = app.ready("a.txt", "text").await;
    let events = events(&to_end(open(&app, &id).await).await);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, "done");
}

#[tokio::test]
async fn a_document_that_is_deleted_ends_its_stream() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    let stream = open(&app, &id).await;
    let deleted = app.ana.delete(&format!("{DOCUMENTS}/{id}")).await;
    deleted.expect(StatusCode::ACCEPTED);
    let answer = to_end(stream).await;
    let events = events(&answer);
    let last = &events[events.len() - 1];
    assert_eq!(
        (&last.0[..], &last.1["error"]["code"]),
        ("error", &json!("unknown_document"))
    );
}

#[tokio::test]
async fn progress_between_the_ends_is_shown_without_redis_too() {
    let app = TestApp::with(|config| config.cache.port = 1).await;
    app.engine.reply(Reply::Stalls(50));
    let id = app.uploaded("a.txt", "text").await;
    assert!(app.run_own_job().await);
    let (indexing, stop) = (app.indexing(), app.stop.clone());
    let stalled = tokio::spawn(async move { indexing.step(&stop).await });
    let finish = async {
        while app.status(&id).await["stage"] != "indexing" {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(Duration::from_millis(1500)).await;
        app.execute(
            "update platform.jobs
                 set lease_token = gen_random_uuid(), lease_until = now() - interval '1 s'
                 where state = 'running'",
        )
        .await;
        app.engine.reply(Reply::Done(1));
        app.work_off().await;
    };
    let stream = open(&app, &id).await;
    let (answer, ()) = tokio::join!(to_end(stream), finish);
    let events = events(&answer);
    assert!(
        events.iter().any(|event| event.1["stage"] == "indexing"),
        "{events:?}"
    );
    assert_eq!(events[events.len() - 1].0, "done");
    stalled.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_ends_when_the_service_stops() {
    let app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    let stream = open(&app, &id).await;
    app.stop.cancel();
    let answer = to_end(stream).await;
    assert_eq!(events(&answer).len(), 1);
}

#[tokio::test]
async fn a_stream_ends_with_the_token_or_the_session_of_its_reader() {
    let mut app = TestApp::new().await;
    let id = app.uploaded("a.txt", "text").await;
    let mut claims = app.mint.claims(app.creator, Role::Owner);
    // A token is accepted for five seconds after its end.
    claims.exp = claims.iat - 5 + 2;
    app.ana = app.anonymous.with_token(&app.mint.sign(&claims));
    let path = format!("{DOCUMENTS}/{id}/events");
    let seen = events(&to_end(open(&app, &id).await).await);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(
        (&seen[0].0[..], &seen[0].1["state"]),
        ("progress", &json!("pending"))
    );
    assert_eq!(app.ana.get(&path).await.code(), "expired_token");

    // With a new token the reader has the present state, until the session ends.
    claims.exp += 900;
    app.ana = app.anonymous.with_token(&app.mint.sign(&claims));
    let stream = open(&app, &id).await;
    let auth = Revoker::new(&app.database, &app.config.cache);
    auth.revoke(Subject::Session(claims.sid)).await;
    let seen = events(&to_end(stream).await);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(app.ana.get(&path).await.code(), "session_ended");
}
