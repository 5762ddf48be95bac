//! Rate limits of visitors and addresses.

use axum::http::StatusCode;
use serde_json::json;

use crate::test_app::{PAGE, TestApp};

#[tokio::test]
async fn a_visitor_who_sends_too_fast_gets_the_time_to_wait() {
    let app = TestApp::new().await;
    let channel = app
        .create_widget_with(&json!({"allowed_origins": [PAGE], "messages_per_minute": 2}))
        .await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    for question in ["One?", "Two?"] {
        client.ask(question).await;
        client.skip_to("ai_response").await;
    }
    let id = client.ask("Three?").await;
    let error = client.next().await;
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("error"), &json!("rate_limited"))
    );
    assert_eq!(error["client_msg_id"], json!(id));
    let wait = error["retry_after"].as_u64().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    let other = app.start_session(&channel).await;
    let mut other = app.connect(&channel, &other).await;
    other.ask("Another visitor?").await;
    other.skip_to("ai_response").await;
}

#[tokio::test]
async fn an_address_that_requests_too_many_sessions_is_refused() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let (mut granted, mut last) = (0, None);
    while last.is_none() && granted < 400 {
        let answer = app.request_session(&channel, PAGE, &json!({})).await;
        match answer.status {
            StatusCode::CREATED => granted += 1,
            _ => last = Some(answer),
        }
    }
    let last = last.expect("a refused request");
    assert!(granted >= 120, "{granted}");
    assert_eq!(
        (last.status, last.code()),
        (StatusCode::TOO_MANY_REQUESTS, "rate_limited".into())
    );
    assert!(last.headers.contains_key("retry-after"));
    assert_eq!(last.headers["access-control-allow-origin"], PAGE);
}
