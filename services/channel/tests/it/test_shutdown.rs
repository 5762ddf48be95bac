//! Shutdown: sockets are closed with a code, answers finish, nothing is lost.

use std::time::{Duration, Instant};

use crate::fake_ai_engine::Reply;
use crate::test_app::TestApp;

#[tokio::test]
async fn sockets_are_closed_with_1012_within_ten_seconds() {
    let mut app = TestApp::new().await;
    let channel = app.create_widget().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let session = app.start_session(&channel).await;
        clients.push(app.connect(&channel, &session).await);
    }
    let began = Instant::now();
    app.replica.stop.cancel();
    for client in &mut clients {
        assert_eq!(client.close_code().await, 1012);
    }
    (&mut app.replica.drained).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_pending_answer_is_finished_first() {
    let mut app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    app.ai_engine.reply_next(Reply::slow_text(
        "one two three four",
        Duration::from_millis(250),
    ));
    client.ask("Count?").await;
    client.skip_to("ai_delta").await;
    app.replica.stop.cancel();
    assert_eq!(
        client.skip_to("ai_response").await["content"],
        "one two three four"
    );
    assert_eq!(client.close_code().await, 1012);
    (&mut app.replica.drained).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_left_to_the_next_process() {
    let mut app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    app.ai_engine
        .reply_next(Reply::slow_text("never ends", Duration::from_secs(30)));
    client.ask("Patience?").await;
    client.skip_to("ai_start").await;
    let began = Instant::now();
    app.replica.stop.cancel();
    assert_eq!(client.close_code().await, 1012);
    (&mut app.replica.drained).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    let next = app.another_replica().await;
    let mut client = next.connect(&channel, &session, 1).await;
    let answer = client.skip_to("ai_response").await;
    assert_eq!(answer["content"], "You asked: Patience? [1]");
    assert_eq!(answer["reply_to"], 1);
}
