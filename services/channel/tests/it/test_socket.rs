//! The socket: frames, numbers, resume, several sockets and several processes.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use crate::engine::Play;
use crate::world::World;

#[tokio::test]
async fn a_question_is_acked_answered_in_pieces_and_stored() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.replica.connect(&channel, &session, 0).await;
    let status = talk.next().await;
    assert_eq!(status["type"], "status");
    assert_eq!(status["conversation_id"], session["conversation_id"]);
    assert_eq!(
        (&status["last_seq"], &status["recovered"]),
        (&json!(0), &json!(true))
    );

    world.engine.next(Play::say("Sleep eight hours. [1]"));
    let id = talk.ask("How do I recover?").await;
    let frames = talk.until("ai_response").await;
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
    assert_eq!(answer["sources"][0]["title"], "First Twelve Weeks");
    assert_eq!(answer["sources"][0]["cited"], true);
    assert_eq!(answer["sources"][1]["cited"], false);
    assert!(
        answer["sources"][0].get("text").is_none(),
        "passages stay with the creator"
    );
}

#[tokio::test]
async fn question_and_answer_are_stored_with_what_they_cost() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    world.engine.next(Play::say("Sleep eight hours. [1]"));
    talk.ask("How do I recover?").await;
    talk.find("ai_response").await;
    let asked = world.engine.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].creator, world.creator);
    assert_eq!(asked[0].question.question.as_str(), "How do I recover?");
    let conversation = session["conversation_id"].as_str().unwrap();
    let path = format!("/channels/v1/conversations/{conversation}/messages");
    let stored = world.owner().get(&path).await.expect(StatusCode::OK);
    assert_eq!(stored["items"][0]["content"], "How do I recover?");
    assert_eq!(stored["items"][1]["content"], "Sleep eight hours. [1]");
    let usage = sqlx::query_as::<_, (i32, i32)>(
        "select prompt_tokens, completion_tokens from channel.messages where role = 'assistant'",
    );
    assert_eq!(
        usage.fetch_one(&world.admin().await).await.unwrap(),
        (12, 34)
    );
}

#[tokio::test]
async fn the_same_message_twice_is_acked_twice_and_answered_once() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    let id = Uuid::new_v4();
    talk.ask_as(id, "Once?").await;
    talk.find("ai_response").await;
    talk.ask_as(id, "Once?").await;
    assert_eq!(
        talk.next().await,
        json!({"type": "ack", "client_msg_id": id, "seq": 1})
    );
    assert!(talk.is_quiet(Duration::from_millis(400)).await);
    assert_eq!(world.engine.asked().len(), 1);

    // At the same moment, over ten sockets.
    let id = Uuid::new_v4();
    let mut talks = Vec::new();
    for _ in 0..10 {
        talks.push(world.replica.connect(&channel, &session, 2).await);
    }
    for talk in &mut talks {
        talk.ask_as(id, "Twice?").await;
    }
    for talk in &mut talks {
        let (mut acked, mut answered) = (false, false);
        while !(acked && answered) {
            let frame = talk.next().await;
            acked |= frame["type"] == "ack" && frame["seq"] == 3;
            answered |= frame["type"] == "ai_response" && frame["seq"] == 4;
        }
    }
    assert_eq!(world.engine.asked().len(), 2);
}

#[tokio::test]
async fn frames_that_make_no_sense_are_answered_and_the_connection_goes_on() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    let id = Uuid::new_v4();
    let message = |content: &str| {
        json!({"type": "user_message", "client_msg_id": id, "content": content}).to_string()
    };
    for frame in [
        "not json".to_owned(),
        "[]".to_owned(),
        r#"{"type":"shout"}"#.to_owned(),
        r#"{"type":"user_message","content":"x"}"#.to_owned(),
        message(""),
        message("   "),
        message("a\u{0}b"),
        message(&"x".repeat(2001)),
        message(&"x".repeat(60_000)),
        json!({"type": "user_message", "client_msg_id": id, "content": "x", "creator_id": id})
            .to_string(),
    ] {
        talk.send(Message::text(frame.clone())).await;
        let error = talk.next().await;
        assert_eq!(error["type"], "error", "{frame}");
        assert_eq!(error["code"], "malformed_message", "{frame}");
    }
    talk.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(talk.next().await["code"], "unsupported_frame");
    talk.say(&json!({"type": "ping"})).await;
    assert_eq!(talk.next().await, json!({"type": "pong"}));
    talk.say(&json!({"type": "retry"})).await;
    assert_eq!(talk.next().await["code"], "nothing_to_retry");
    let whole = "ä".repeat(2000);
    talk.ask(&whole).await;
    talk.find("ai_response").await;
    assert_eq!(world.engine.asked()[0].question.question.as_str(), whole);

    talk.send(Message::text("x".repeat(65 * 1024))).await;
    assert_eq!(talk.close_code().await, 1009);
}

#[tokio::test]
async fn a_client_that_sends_nothing_but_nonsense_is_closed() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    for _ in 0..51 {
        talk.send(Message::text("nonsense")).await;
    }
    assert_eq!(talk.close_code().await, 1008);
}

#[tokio::test]
async fn a_resume_brings_what_was_missed_and_nothing_twice() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    for question in ["One?", "Two?"] {
        talk.ask(question).await;
        talk.find("ai_response").await;
    }
    drop(talk);
    let mut talk = world.replica.connect(&channel, &session, 1).await;
    let status = talk.next().await;
    assert_eq!(
        (&status["last_seq"], &status["recovered"]),
        (&json!(4), &json!(true))
    );
    let missed = [talk.next().await, talk.next().await, talk.next().await];
    let seqs: Vec<_> = missed
        .iter()
        .map(|message| message["seq"].clone())
        .collect();
    assert_eq!(seqs, [2, 3, 4]);
    assert_eq!(missed[1]["type"], "user_message");
    assert_eq!(missed[1]["content"], "Two?");
    assert_eq!(missed[2]["type"], "ai_response");
    talk.say(&json!({"type": "ping"})).await;
    assert_eq!(talk.next().await["type"], "pong", "nothing came twice");

    // A number that was never given, as after a restored backup: the view starts anew.
    let mut talk = world.replica.connect(&channel, &session, 99).await;
    assert_eq!(talk.next().await["recovered"], false);
    assert_eq!(talk.next().await["seq"], 1);
}

#[tokio::test]
async fn two_sockets_of_a_conversation_show_the_same() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut one = world.talk(&channel, &session).await;
    let mut two = world.talk(&channel, &session).await;
    one.ask("Shared?").await;
    let of_one = one.until("ai_response").await;
    let of_two = two.until("ai_response").await;
    assert_eq!(of_one[0]["type"], "ack");
    assert_eq!(of_two[0]["type"], "user_message");
    assert_eq!(of_two[0]["content"], "Shared?");
    assert_eq!(of_one[1..], of_two[1..]);
    let stranger = world.session(&channel).await;
    let mut other = world.talk(&channel, &stranger).await;
    one.ask("Private?").await;
    one.find("ai_response").await;
    assert!(other.is_quiet(Duration::from_millis(300)).await);
}

#[tokio::test]
async fn a_socket_at_another_process_shows_the_same() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let replica = world.another_replica().await;
    let mut here = world.talk(&channel, &session).await;
    let mut there = replica.connect(&channel, &session, 0).await;
    assert_eq!(there.next().await["type"], "status");
    here.ask("Shared?").await;
    let near = here.until("ai_response").await;
    let far = there.until("ai_response").await;
    assert_eq!(far[0]["type"], "user_message");
    assert_eq!(near[1..], far[1..]);
}

#[tokio::test]
async fn a_late_comer_hears_the_answer_so_far() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    let words = "one two three four five six seven eight";
    world
        .engine
        .next(Play::slowly(words, Duration::from_millis(120)));
    talk.ask("Count?").await;
    talk.find("ai_delta").await;
    talk.find("ai_delta").await;
    drop(talk);
    let mut talk = world.replica.connect(&channel, &session, 1).await;
    let status = talk.next().await;
    assert_eq!(status["answering"], true);
    let frames = talk.until("ai_response").await;
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
        world.engine.asked().len(),
        1,
        "the answer went on without a socket"
    );
}
