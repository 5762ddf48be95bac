//! A visitor stops an answer: the model stops, and what was said so far is kept.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;

use crate::fake_ai_engine::{FakeAiEngine, Reply};
use crate::test_app::TestApp;
use crate::widget_client::WidgetClient;

/// A pause after which a test has long failed.
const STALLED_DELAY: Duration = Duration::from_mins(2);

/// Words that come at once, and one that comes too late.
fn unfinished(words: &str) -> Reply {
    let words = words.split_inclusive(' ').map(str::to_owned);
    Reply::Paused(words.collect(), STALLED_DELAY)
}

async fn stop(client: &mut WidgetClient, reply_to: i64) {
    let frame = json!({"type": "stop", "reply_to": reply_to});
    client.send_json(&frame).await;
}

async fn wait_until_idle(ai_engine: &FakeAiEngine) {
    let began = Instant::now();
    while ai_engine.running() > 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "the model runs");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_stopped_answer_keeps_its_text_and_what_it_cites() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    app.ai_engine
        .reply_next(unfinished("Drink less coffee. [2] "));
    client.ask("How do I sleep?").await;
    for _ in 0..4 {
        client.skip_to("ai_delta").await;
    }
    stop(&mut client, 1).await;
    let answer = client.skip_to("ai_response").await;
    assert_eq!(answer["content"], "Drink less coffee. [2]");
    assert_eq!(
        (&answer["seq"], &answer["reply_to"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        (&answer["stopped"], &answer["truncated"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(answer["sources"][0]["cited"], false);
    assert_eq!(answer["sources"][1]["cited"], true);
    wait_until_idle(&app.ai_engine).await;

    let conversation = session["conversation_id"].as_str().unwrap();
    let path = format!("/channels/v1/conversations/{conversation}/messages");
    let stored = app.owner().get(&path).await.expect(StatusCode::OK);
    assert_eq!(stored["items"][1]["stopped"], true);
    assert_eq!(stored["items"][1]["content"], "Drink less coffee. [2]");

    client.ask("And then?").await;
    let next = client.skip_to("ai_response").await;
    assert_eq!(next["content"], "You asked: And then? [1]");
    assert_eq!(next["stopped"], false);
}

#[tokio::test]
async fn an_answer_stopped_before_its_first_text_can_be_asked_for_again() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    app.ai_engine.reply_next(unfinished(""));
    client.ask("How do I sleep?").await;
    client.skip_to("ai_sources").await;
    stop(&mut client, 1).await;
    let error = client.skip_to("error").await;
    assert_eq!(
        (&error["code"], &error["reply_to"]),
        (&json!("answer_stopped"), &json!(1))
    );
    wait_until_idle(&app.ai_engine).await;
    client.send_json(&json!({"type": "retry"})).await;
    let answer = client.skip_to("ai_response").await;
    assert_eq!(answer["content"], "You asked: How do I sleep? [1]");
}

#[tokio::test]
async fn an_answer_is_stopped_from_another_replica() {
    let app = TestApp::new().await;
    let second = app.another_replica().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut asking = app.connect(&channel, &session).await;
    let mut other = second.connect(&channel, &session, 0).await;
    other.skip_to("status").await;
    app.ai_engine.reply_next(unfinished("Half an answer. "));
    asking.ask("How do I sleep?").await;
    other.skip_to("ai_delta").await;
    stop(&mut other, 1).await;
    assert_eq!(other.skip_to("ai_response").await["stopped"], true);
    assert_eq!(asking.skip_to("ai_response").await["stopped"], true);
    wait_until_idle(&app.ai_engine).await;
}

#[tokio::test]
async fn a_visitor_who_reconnects_elsewhere_can_stop_the_answer() {
    let app = TestApp::new().await;
    let second = app.another_replica().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut asking = app.connect(&channel, &session).await;
    app.ai_engine.reply_next(unfinished("Half an answer. "));
    asking.ask("How do I sleep?").await;
    asking.skip_to("ai_delta").await;
    drop(asking);
    // The process that generates the answer has no socket of the conversation any more.
    let mut client = second.connect(&channel, &session, 1).await;
    let status = client.skip_to("status").await;
    assert_eq!(status["answering"], true);
    let began = Instant::now();
    let answer = loop {
        stop(&mut client, 1).await;
        match tokio::time::timeout(Duration::from_secs(1), client.skip_to("ai_response")).await {
            Ok(answer) => break answer,
            Err(_) => assert!(began.elapsed() < Duration::from_secs(20), "not stopped"),
        }
    };
    assert_eq!(answer["stopped"], true);
    wait_until_idle(&app.ai_engine).await;
}

#[tokio::test]
async fn only_the_answer_that_is_named_stops() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    stop(&mut client, 1).await;
    let slow = Reply::slow_text("Sleep eight hours. [1]", Duration::from_millis(50));
    app.ai_engine.reply_next(slow);
    client.ask("How do I recover?").await;
    client.skip_to("ai_delta").await;
    for other in [0, 2, -1, i64::MAX] {
        stop(&mut client, other).await;
    }
    let answer = client.skip_to("ai_response").await;
    assert_eq!(answer["content"], "Sleep eight hours. [1]");
    assert_eq!(answer["stopped"], false);
    // It has ended, so there is nothing to stop, and nothing to report.
    stop(&mut client, 1).await;
    client.ask("And then?").await;
    assert_eq!(client.skip_to("ai_response").await["stopped"], false);
}
