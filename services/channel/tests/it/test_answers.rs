//! Order, numbers and turns: many at once, one answer at a time.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::json;
use shared_ai_client::{AnswerMode, TurnRole};

use crate::engine::Play;
use crate::talk::Talk;
use crate::world::World;

/// Asks once, and listens until the other 39 messages and the ack have come.
async fn ask_and_hear_all(mut talk: Talk, question: String) -> Vec<i64> {
    talk.ask(&question).await;
    let (mut seqs, mut acked) = (Vec::new(), false);
    while seqs.len() < 39 || !acked {
        let frame = talk.next().await;
        match frame["type"].as_str().unwrap() {
            "ack" => acked = true,
            "user_message" | "ai_response" => seqs.push(frame["seq"].as_i64().unwrap()),
            "error" => panic!("{frame}"),
            _ => {}
        }
    }
    seqs
}

#[tokio::test]
async fn twenty_senders_at_once_get_gap_free_numbers_and_one_answer_each() {
    let world = World::new().await;
    let replica = world.another_replica().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut senders = Vec::new();
    for number in 0..20 {
        // Half of them at another process: the numbers come from the database.
        let at = [&world.replica, &replica][number % 2];
        let talk = at.connect(&channel, &session, 0).await;
        let question = format!("Question {number}?");
        senders.push(tokio::spawn(ask_and_hear_all(talk, question)));
    }
    for sender in senders {
        let seqs = sender.await.unwrap();
        assert!(
            seqs.is_sorted(),
            "each socket sees the order of the numbers: {seqs:?}"
        );
        assert_eq!(seqs.len(), 39, "all but its own, and that one by its ack");
    }
    let rows = sqlx::query_as::<_, (i64, String, Option<i64>)>(
        "select seq, role, reply_to from channel.messages order by seq",
    );
    let rows = rows.fetch_all(&world.admin().await).await.unwrap();
    assert!(rows.iter().map(|row| row.0).eq(1..=40));
    let asked = rows.iter().filter(|r| r.1 == "user").map(|r| Some(r.0));
    let replies = rows.iter().filter(|r| r.1 == "assistant").map(|r| r.2);
    assert!(
        asked.eq(replies),
        "every question has one answer, in their order"
    );
    assert_eq!(world.engine.asked().len(), 20);
    assert_eq!(world.engine.most_running(), 1, "one answer at a time");
}

#[tokio::test]
async fn the_turns_before_are_sent_along() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    world
        .engine
        .next(Play::slowly("A slow one", Duration::from_millis(100)));
    talk.ask("First?").await;
    talk.find("ai_start").await;
    talk.ask("Second?").await;
    talk.find("ai_response").await;
    talk.find("ai_response").await;
    let asked = world.engine.asked();
    let turns: Vec<_> = asked[1]
        .question
        .history
        .iter()
        .map(|t| t.content.as_str())
        .collect();
    assert_eq!(turns, ["First?", "A slow one"]);
    assert_eq!(asked[1].question.history[1].role, TurnRole::Assistant);
    assert!(asked[0].question.history.is_empty());
    for number in 0..15 {
        talk.ask(&format!("Number {number}?")).await;
        talk.find("ai_response").await;
    }
    let last = world.engine.asked().pop().unwrap();
    assert_eq!(last.question.history.len(), 20);
}

#[tokio::test]
async fn the_channel_decides_how_questions_are_answered() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    talk.ask("As the platform does?").await;
    talk.find("ai_response").await;
    let path = format!("/channels/v1/channels/{channel}");
    let change = json!({"widget": {"answer_mode": "extractive"}});
    world
        .owner()
        .json(Method::PATCH, &path, &change)
        .await
        .expect(StatusCode::OK);
    talk.ask("Word for word?").await;
    talk.find("ai_response").await;
    let modes: Vec<_> = world
        .engine
        .asked()
        .iter()
        .map(|a| a.question.mode)
        .collect();
    assert_eq!(modes, [None, Some(AnswerMode::Extractive)]);
}

#[tokio::test]
async fn a_person_who_takes_over_is_not_talked_over() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    let words = "never shown as a whole";
    world
        .engine
        .next(Play::slowly(words, Duration::from_millis(150)));
    talk.ask("Anybody?").await;
    talk.find("ai_delta").await;
    let admin = world.admin().await;
    let take = sqlx::query("update channel.conversations set owner = 'human'");
    take.execute(&admin).await.unwrap();
    talk.ask("Hello?").await;
    talk.find("ack").await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let said = sqlx::query_as::<_, (String,)>("select role from channel.messages order by seq");
    let said: Vec<_> = said
        .fetch_all(&admin)
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.0)
        .collect();
    assert_eq!(said, ["user", "user"]);
    assert_eq!(world.engine.asked().len(), 1);
}

#[tokio::test]
async fn a_question_left_by_a_process_that_died_is_answered_at_the_next_connect() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    talk.ask("First?").await;
    talk.find("ai_response").await;
    drop(talk);
    // As if the process had died between commit and answer, its lease long over.
    let die = "update channel.conversations set answered_seq = 0, lease_token = gen_random_uuid(),
        lease_until = now() - interval '1 second'";
    sqlx::query(die)
        .execute(&world.admin().await)
        .await
        .unwrap();
    let mut talk = world.replica.connect(&channel, &session, 2).await;
    assert_eq!(talk.find("ai_response").await["reply_to"], 1);
}

#[tokio::test]
async fn a_question_of_a_process_that_just_died_is_answered_when_its_lease_ends() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    talk.ask("First?").await;
    talk.find("ai_response").await;
    drop(talk);
    let die = "update channel.conversations set answered_seq = 0, lease_token = gen_random_uuid(),
        lease_until = now() + interval '2 seconds'";
    sqlx::query(die)
        .execute(&world.admin().await)
        .await
        .unwrap();
    let mut talk = world.replica.connect(&channel, &session, 2).await;
    assert_eq!(talk.next().await["answering"], true);
    assert_eq!(talk.find("ai_response").await["seq"], 3);
}
