//! Conversations and transcripts, for the creator and nobody else.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::World;

const CONVERSATIONS: &str = "/channels/v1/conversations";

async fn one_conversation(world: &World, channel: &str, questions: usize) -> String {
    let session = world.session(channel).await;
    let mut talk = world.talk(channel, &session).await;
    for number in 0..questions {
        talk.ask(&format!("Question {number}?")).await;
        talk.find("ai_response").await;
    }
    session["conversation_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_creator_reads_conversations_and_transcripts_page_by_page() {
    let world = World::new().await;
    let channel = world.widget().await;
    let other = world.widget().await;
    let first = one_conversation(&world, &channel, 3).await;
    let second = one_conversation(&world, &channel, 1).await;
    let third = one_conversation(&world, &other, 1).await;
    let owner = world.owner();
    let list = owner.get(CONVERSATIONS).await.expect(StatusCode::OK);
    let ids: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["id"].clone())
        .collect();
    assert_eq!(ids, [third.as_str(), second.as_str(), first.as_str()]);
    let of_channel = owner
        .get(&format!("{CONVERSATIONS}?channel_id={other}"))
        .await
        .json();
    assert_eq!(of_channel["items"].as_array().unwrap().len(), 1);
    let one = owner
        .get(&format!("{CONVERSATIONS}/{first}"))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&one["last_seq"], &one["owner"]),
        (&json!(6), &json!("bot"))
    );
    assert_eq!(one["origin"], crate::world::PAGE);

    let (mut seqs, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{CONVERSATIONS}/{first}/messages?limit=4{cursor}");
        let page = owner.get(&path).await.expect(StatusCode::OK);
        let items = page["items"].as_array().unwrap();
        seqs.extend(items.iter().map(|message| message["seq"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);

    let path = |id: &str| format!("{CONVERSATIONS}/{id}/messages?limit=1");
    let page = owner.get(&path(&first)).await.expect(StatusCode::OK);
    let cursor = page["next_cursor"].as_str().unwrap();
    let elsewhere = format!("{}&cursor={cursor}", path(&second));
    assert_eq!(owner.get(&elsewhere).await.code(), "invalid_query");
}

#[tokio::test]
async fn a_transcript_outlives_its_channel() {
    let world = World::new().await;
    let channel = world.widget().await;
    let conversation = one_conversation(&world, &channel, 1).await;
    let path = format!("/channels/v1/channels/{channel}");
    assert_eq!(
        world.owner().delete(&path).await.status,
        StatusCode::NO_CONTENT
    );
    let path = format!("{CONVERSATIONS}/{conversation}/messages");
    let kept = world.owner().get(&path).await.expect(StatusCode::OK);
    assert_eq!(kept["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_conversation_of_another_tenant_looks_like_none() {
    let world = World::new().await;
    let channel = world.widget().await;
    let theirs = one_conversation(&world, &channel, 1).await;
    let stranger = world.stranger();
    for tail in ["", "/messages"] {
        let foreign = stranger
            .get(&format!("{CONVERSATIONS}/{theirs}{tail}"))
            .await;
        let missing = stranger
            .get(&format!("{CONVERSATIONS}/{}{tail}", Uuid::now_v7()))
            .await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
        assert_eq!(foreign.code(), "unknown_conversation");
        assert_eq!(without_trace(foreign.json()), without_trace(missing.json()));
    }
    assert_eq!(stranger.get(CONVERSATIONS).await.json()["items"], json!([]));
    let filtered = stranger
        .get(&format!("{CONVERSATIONS}?channel_id={channel}"))
        .await;
    assert_eq!(filtered.json()["items"], json!([]));
}

#[tokio::test]
async fn a_channel_that_is_closed_stops_those_who_are_connected() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let mut talk = world.talk(&channel, &session).await;
    let path = format!("/channels/v1/channels/{channel}");
    let off = json!({"enabled": false});
    world
        .owner()
        .json(Method::PATCH, &path, &off)
        .await
        .expect(StatusCode::OK);
    talk.ask("Still there?").await;
    assert_eq!(talk.close_code().await, 4403);
}

fn without_trace(mut problem: Value) -> Value {
    problem["trace_id"].take();
    problem
}
