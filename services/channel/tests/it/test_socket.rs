//! The socket: frames, numbers, reconnects, several sockets and several replicas.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::fake_ai_engine::Reply;
use crate::test_app::TestApp;

#[tokio::test]
async fn a_question_is_acknowledged_and_its_answer_streamed_and_stored() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.replica.connect(&channel, &session, 0).await;
    let status = client.next().await;
    assert_eq!(status["type"], "status");
    assert_eq!(status["conversation_id"], session["conversation_id"]);
    assert_eq!(
        (&status["last_seq"], &status["recovered"]),
        (&json!(0), &json!(true))
    );

    app.ai_engine
        .reply_next(Reply::text("Sleep eight hours. [1]"));
    let id = client.ask("How do I recover?").await;
    let frames = client.until("ai_response").await;
    let kinds = frames.iter().map(|frame| frame["type"].as_str().unwrap());
    let deltas = ["ai_delta"; 4];
    let parts = [&["ack", "ai_start", "ai_sources"][..], &deltas];
    assert!(kinds.eq(parts.concat().into_iter().chain(["ai_response"])));
    assert_eq!(
        frames[0],
        json!({"type": "ack", "client_msg_id": id, "seq": 1})
    );
    let text: String = frames[3..7]
        .iter()
        .map(|f| f["text"].as_str().unwrap())
        .collect();
    let answer = &frames[7];
    assert_eq!(answer["content"], text.trim());
    assert_eq!(answer["content"], "Sleep eight hours. [1]");
    assert_eq!(
        (&answer["seq"], &answer["reply_to"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        (&answer["mode"], &answer["fell_back"]),
        (&json!("extractive"), &json!(true))
    );
    assert_eq!(answer["truncated"], true);
    assert_eq!(answer["sources"][0]["title"], "First Twelve Weeks");
    assert_eq!(answer["sources"][0]["cited"], true);
    assert_eq!(answer["sources"][1]["cited"], false);
    assert!(
        answer["sources"][0].get("text").is_none(),
        "visitors do not receive passages"
    );
}

#[tokio::test]
async fn question_and_answer_are_stored_with_their_token_counts() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    app.ai_engine
        .reply_next(Reply::text("Sleep eight hours. [1]"));
    client.ask("How do I recover?").await;
    client.skip_to("ai_response").await;
    let asked = app.ai_engine.questions();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].creator, app.creator);
    assert_eq!(asked[0].question.question.as_str(), "How do I recover?");
    let conversation = session["conversation_id"].as_str().unwrap();
    let path = format!("/channels/v1/conversations/{conversation}/messages");
    let stored = app.owner().get(&path).await.expect(StatusCode::OK);
    assert_eq!(stored["items"][0]["content"], "How do I recover?");
    assert_eq!(stored["items"][1]["content"], "Sleep eight hours. [1]");
    let usage = sqlx::query_as::<_, (i32, i32)>(
        "select prompt_tokens, completion_tokens from channel.messages where role = 'assistant'",
    );
    assert_eq!(usage.fetch_one(&app.admin().await).await.unwrap(), (12, 34));
}

#[tokio::test]
async fn a_repeated_message_is_acknowledged_again_and_answered_once() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    let id = Uuid::new_v4();
    client.ask_as(id, "Once?").await;
    client.skip_to("ai_response").await;
    client.ask_as(id, "Once?").await;
    assert_eq!(
        client.next().await,
        json!({"type": "ack", "client_msg_id": id, "seq": 1})
    );
    assert!(client.is_quiet(Duration::from_millis(400)).await);
    assert_eq!(app.ai_engine.questions().len(), 1);

    // Concurrently, over ten sockets.
    let id = Uuid::new_v4();
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(app.replica.connect(&channel, &session, 2).await);
    }
    for client in &mut clients {
        client.ask_as(id, "Twice?").await;
    }
    for client in &mut clients {
        let (mut acked, mut answered) = (false, false);
        while !(acked && answered) {
            let frame = client.next().await;
            acked |= frame["type"] == "ack" && frame["seq"] == 3;
            answered |= frame["type"] == "ai_response" && frame["seq"] == 4;
        }
    }
    assert_eq!(app.ai_engine.questions().len(), 2);
}

#[tokio::test]
async fn invalid_frames_get_an_error_and_the_connection_stays_open() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    let id = Uuid::new_v4();
    let message = |content: &str| {
        json!({"type": "user_message", "client_msg_id": id, "content": content}).to_string()
    };
    let lone_surrogate = message("cut").replace("cut", "cut \\ud83d");
    for (frame, is_named) in [
        ("not json".to_owned(), false),
        ("[]".to_owned(), false),
        (r#"{"type":"shout"}"#.to_owned(), false),
        (r#"{"type":"user_message","content":"x"}"#.to_owned(), false),
        (message(""), true),
        (message("   "), true),
        (message("a\u{0}b"), true),
        (message("a\u{b}b"), true),
        (lone_surrogate, true),
        (message(&"x".repeat(2001)), true),
        (message(&"x".repeat(60_000)), true),
        (
            json!({"type": "user_message", "client_msg_id": id, "content": "x", "creator_id": id})
                .to_string(),
            true,
        ),
    ] {
        client.send(Message::text(frame.clone())).await;
        let error = client.next().await;
        assert_eq!(error["type"], "error", "{frame}");
        assert_eq!(error["code"], "malformed_message", "{frame}");
        let named = if is_named { json!(id) } else { Value::Null };
        assert_eq!(error["client_msg_id"], named, "{frame}");
        assert_eq!(error["retry_after"], Value::Null, "{frame}");
    }
    client.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(client.next().await["code"], "unsupported_frame");
    client.send_json(&json!({"type": "ping"})).await;
    assert_eq!(client.next().await, json!({"type": "pong"}));
    client.send_json(&json!({"type": "retry"})).await;
    assert_eq!(client.next().await["code"], "nothing_to_retry");
    let whole = "ä".repeat(2000);
    client.ask(&whole).await;
    client.skip_to("ai_response").await;
    assert_eq!(
        app.ai_engine.questions()[0].question.question.as_str(),
        whole
    );

    client.send(Message::text("x".repeat(65 * 1024))).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test]
async fn a_client_that_sends_only_invalid_frames_is_disconnected() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    for _ in 0..51 {
        client.send(Message::text("nonsense")).await;
    }
    assert_eq!(client.close_code().await, 1008);
}

#[tokio::test]
async fn a_reconnect_delivers_each_missed_message_once() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    for question in ["One?", "Two?"] {
        client.ask(question).await;
        client.skip_to("ai_response").await;
    }
    drop(client);
    let mut client = app.replica.connect(&channel, &session, 1).await;
    let status = client.next().await;
    assert_eq!(
        (&status["last_seq"], &status["recovered"]),
        (&json!(4), &json!(true))
    );
    let missed = [
        client.next().await,
        client.next().await,
        client.next().await,
    ];
    let seqs: Vec<_> = missed
        .iter()
        .map(|message| message["seq"].clone())
        .collect();
    assert_eq!(seqs, [2, 3, 4]);
    assert_eq!(missed[1]["type"], "user_message");
    assert_eq!(missed[1]["content"], "Two?");
    assert_eq!(missed[2]["type"], "ai_response");
    client.send_json(&json!({"type": "ping"})).await;
    assert_eq!(
        client.next().await["type"],
        "pong",
        "no message arrived twice"
    );

    // A number that was never assigned, as after a restored backup: the client gets a snapshot.
    let mut client = app.replica.connect(&channel, &session, 99).await;
    assert_eq!(client.next().await["recovered"], false);
    assert_eq!(client.next().await["seq"], 1);
}

#[tokio::test]
async fn two_sockets_of_a_conversation_receive_the_same_frames() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut one = app.connect(&channel, &session).await;
    let mut two = app.connect(&channel, &session).await;
    one.ask("Shared?").await;
    let of_one = one.until("ai_response").await;
    let of_two = two.until("ai_response").await;
    assert_eq!(of_one[0]["type"], "ack");
    assert_eq!(of_two[0]["type"], "user_message");
    assert_eq!(of_two[0]["content"], "Shared?");
    assert_eq!(of_one[1..], of_two[1..]);
    let stranger = app.start_session(&channel).await;
    let mut other = app.connect(&channel, &stranger).await;
    one.ask("Private?").await;
    one.skip_to("ai_response").await;
    assert!(other.is_quiet(Duration::from_millis(300)).await);
}

#[tokio::test]
async fn a_socket_on_another_replica_receives_the_same_frames() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let replica = app.another_replica().await;
    let mut here = app.connect(&channel, &session).await;
    let mut there = replica.connect(&channel, &session, 0).await;
    assert_eq!(there.next().await["type"], "status");
    here.ask("Shared?").await;
    let near = here.until("ai_response").await;
    let far = there.until("ai_response").await;
    assert_eq!(far[0]["type"], "user_message");
    assert_eq!(near[1..], far[1..]);
}

#[tokio::test]
async fn a_late_socket_receives_the_answer_so_far() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    let words = "one two three four five six seven eight";
    app.ai_engine
        .reply_next(Reply::slow_text(words, Duration::from_millis(120)));
    client.ask("Count?").await;
    client.skip_to("ai_delta").await;
    client.skip_to("ai_delta").await;
    drop(client);
    let mut client = app.replica.connect(&channel, &session, 1).await;
    let status = client.next().await;
    assert_eq!(status["answering"], true);
    let frames = client.until("ai_response").await;
    let of = |kind: &str| {
        frames
            .iter()
            .filter(|f| f["type"] == kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("ai_start").len(), 1);
    let text: String = of("ai_delta")
        .iter()
        .map(|f| f["text"].as_str().unwrap())
        .collect();
    assert_eq!(text, words);
    assert!(
        of("ai_delta")[0]["text"]
            .as_str()
            .unwrap()
            .starts_with("one two")
    );
    assert_eq!(of("ai_response")[0]["content"], words);
    assert_eq!(
        app.ai_engine.questions().len(),
        1,
        "the answer continued without a socket"
    );
}
