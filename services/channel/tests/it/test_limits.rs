//! Limits of visitors and addresses.

use axum::http::StatusCode;
use serde_json::json;

use crate::world::{PAGE, World};

#[tokio::test]
async fn a_visitor_who_sends_too_fast_is_told_how_long_to_wait() {
    let world = World::new().await;
    let channel = world
        .widget_of(&json!({"allowed_origins": [PAGE], "messages_per_minute": 2}))
        .await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    for question in ["One?", "Two?"] {
        talk.ask(question).await;
        talk.find("ai_response").await;
    }
    let id = talk.ask("Three?").await;
    let error = talk.next().await;
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("error"), &json!("rate_limited"))
    );
    assert_eq!(error["client_msg_id"], json!(id));
    let wait = error["retry_after"].as_u64().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    let other = world.session(&channel).await;
    let mut other = world.talk(&channel, &other).await;
    other.ask("Another visitor?").await;
    other.find("ai_response").await;
}

#[tokio::test]
async fn an_address_that_asks_for_too_many_sessions_waits() {
    let world = World::new().await;
    let channel = world.widget().await;
    let (mut granted, mut last) = (0, None);
    while last.is_none() && granted < 400 {
        let answer = world.ask_session(&channel, PAGE, &json!({})).await;
        match answer.status {
            StatusCode::CREATED => granted += 1,
            _ => last = Some(answer),
        }
    }
    let last = last.expect("a limit");
    assert!(granted >= 120, "{granted}");
    assert_eq!(
        (last.status, last.code()),
        (StatusCode::TOO_MANY_REQUESTS, "rate_limited".into())
    );
    assert!(last.headers.contains_key("retry-after"));
    assert_eq!(last.headers["access-control-allow-origin"], PAGE);
}
