//! Conversations that a policy hands over to a person.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_ai_client::{AppliedPolicy, PolicyKind};
use shared_models::Role;

use crate::fake_ai_engine::Reply;
use crate::test_app::TestApp;

const CONVERSATIONS: &str = "/channels/v1/conversations";

fn topic(name: &str, hand_over: bool) -> Reply {
    Reply::Policy(AppliedPolicy {
        kind: PolicyKind::Topic,
        topic: Some(name.to_owned()),
        hand_over,
    })
}

fn crisis() -> Reply {
    Reply::Policy(AppliedPolicy {
        kind: PolicyKind::Crisis,
        topic: None,
        hand_over: true,
    })
}

async fn waiting(app: &TestApp) -> Vec<Value> {
    let path = format!("{CONVERSATIONS}?owner=waiting");
    let list = app.owner().get(&path).await.expect(StatusCode::OK);
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_conversation_waits_for_a_person_and_is_answered_until_one_comes() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    app.ai_engine.reply_next(topic("Money", false));
    client.ask("How much?").await;
    client.skip_to("ai_response").await;
    assert!(
        waiting(&app).await.is_empty(),
        "the policy hands nothing over"
    );

    app.ai_engine.reply_next(topic("Money", true));
    client.ask("I want a refund").await;
    client.skip_to("ai_response").await;
    let list = waiting(&app).await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["id"], session["conversation_id"]);
    assert_eq!(list[0]["waiting_reason"], "topic");
    assert_eq!(list[0]["waiting_topic"], "Money");
    let since = list[0]["waiting_since"].clone();
    assert!(since.is_string());

    // The visitor is not left alone meanwhile.
    client.ask("And what about sleep?").await;
    client.skip_to("ai_response").await;
    // A person in danger is more urgent; a topic does not hide it again.
    app.ai_engine.reply_next(crisis());
    client.ask("I want to die").await;
    client.skip_to("ai_response").await;
    app.ai_engine.reply_next(topic("Law", true));
    client.ask("My lawyer").await;
    client.skip_to("ai_response").await;
    let list = waiting(&app).await;
    assert_eq!(list[0]["waiting_reason"], "crisis");
    assert!(list[0].get("waiting_topic").is_none(), "{}", list[0]);
    assert_eq!(list[0]["waiting_since"], since, "since the first of them");
}

#[tokio::test]
async fn a_member_gives_it_back_and_others_do_not() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    app.ai_engine.reply_next(crisis());
    client.ask("I want to die").await;
    client.skip_to("ai_response").await;
    let id = session["conversation_id"].as_str().unwrap();
    let path = format!("{CONVERSATIONS}/{id}");
    let change = json!({"owner": "bot"});

    let viewer = app.mint.sign(&app.mint.claims(app.creator, Role::Viewer));
    let viewer = app.owner().with_token(&viewer);
    let refused = viewer.json(Method::PATCH, &path, &change).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let stranger = app
        .owner()
        .with_token(&app.mint.owner(shared_models::CreatorId::new()));
    let refused = stranger.json(Method::PATCH, &path, &change).await;
    assert_eq!(refused.code(), "unknown_conversation");
    let human = app
        .owner()
        .json(Method::PATCH, &path, &json!({"owner": "human"}))
        .await;
    assert_eq!(human.code(), "invalid_fields", "{}", human.text());
    assert_eq!(waiting(&app).await.len(), 1, "nothing has changed");

    for _ in 0..2 {
        let back = app.owner().json(Method::PATCH, &path, &change).await;
        let back = back.expect(StatusCode::OK);
        assert_eq!(back["owner"], "bot");
        assert!(back.get("waiting_since").is_none(), "{back}");
    }
    assert!(waiting(&app).await.is_empty());
    let take_over = sqlx::query("update channel.conversations set owner = 'human'");
    take_over.execute(&app.admin().await).await.unwrap();
    let refused = app.owner().json(Method::PATCH, &path, &change).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (StatusCode::CONFLICT, "not_waiting")
    );
}
