//! Conversations and transcripts, which only their creator can read.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use shared_testkit::published_events;
use uuid::Uuid;

use crate::test_app::TestApp;

const CONVERSATIONS: &str = "/channels/v1/conversations";

async fn hold_conversation(app: &TestApp, channel: &str, questions: usize) -> String {
    let session = app.start_session(channel).await;
    let mut client = app.connect(channel, &session).await;
    for number in 0..questions {
        client.ask(&format!("Question {number}?")).await;
        client.skip_to("ai_response").await;
    }
    session["conversation_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_and_its_answer_are_published_without_any_text() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let conversation = hold_conversation(&app, &channel, 1).await;
    let events = published_events(&app.admin().await, app.creator).await;
    let path = format!("{CONVERSATIONS}/{conversation}/messages");
    let transcript = app.owner().get(&path).await.expect(StatusCode::OK);
    let id = |at: usize| transcript["items"][at]["id"].clone();
    let received = json!({"channel": channel, "conversation": conversation, "message": id(0)});
    let answered = json!({"conversation": conversation, "message": id(1), "reply_to": 1});
    let expected = [
        ("message.received", received),
        ("message.answered", answered),
    ];
    assert_eq!(
        events,
        expected.map(|(name, payload)| (name.to_owned(), payload))
    );
}

#[tokio::test]
async fn a_creator_reads_conversations_and_transcripts_page_by_page() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let other = app.create_widget().await;
    let first = hold_conversation(&app, &channel, 3).await;
    let second = hold_conversation(&app, &channel, 1).await;
    let third = hold_conversation(&app, &other, 1).await;
    let owner = app.owner();
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
    assert_eq!(one["origin"], crate::test_app::PAGE);

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
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let conversation = hold_conversation(&app, &channel, 1).await;
    let path = format!("/channels/v1/channels/{channel}");
    assert_eq!(
        app.owner().delete(&path).await.status,
        StatusCode::NO_CONTENT
    );
    let path = format!("{CONVERSATIONS}/{conversation}/messages");
    let kept = app.owner().get(&path).await.expect(StatusCode::OK);
    assert_eq!(kept["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_conversation_of_another_tenant_looks_unknown() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let theirs = hold_conversation(&app, &channel, 1).await;
    let stranger = app.other_tenant();
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
async fn a_disabled_channel_closes_the_socket_of_a_visitor_who_writes() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    let path = format!("/channels/v1/channels/{channel}");
    let disable = json!({"enabled": false});
    app.owner()
        .json(Method::PATCH, &path, &disable)
        .await
        .expect(StatusCode::OK);
    client.ask("Still there?").await;
    assert_eq!(client.close_code().await, 4403);
}

fn without_trace(mut problem: Value) -> Value {
    problem["trace_id"].take();
    problem
}

/// The summary of a conversation, and how far it goes, once it goes so far.
async fn summarised(app: &TestApp, conversation: &str, least: i64) -> (String, i64) {
    let admin = app.admin().await;
    let sql = "select summary, summarised_seq from channel.conversations
               where id = $1 and summarised_seq >= $2";
    for _ in 0..200 {
        let id: Uuid = conversation.parse().unwrap();
        let query = sqlx::query_as::<_, (String, i64)>(sql).bind(id).bind(least);
        if let Some(found) = query.fetch_optional(&admin).await.unwrap() {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never summarised up to {least}");
}

#[tokio::test]
async fn what_a_long_conversation_no_longer_sends_is_in_its_summary() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let conversation = hold_conversation(&app, &channel, 12).await;
    let (summary, until) = summarised(&app, &conversation, 10).await;
    assert!(summary.starts_with("Visitor: Question 0?\nAssistant: You asked: Question 0?"));
    assert!(until <= 24 - 10, "the newest are not in it: {until}");

    let session = app.start_session(&channel).await;
    let other = session["conversation_id"].as_str().unwrap();
    assert_ne!(other, conversation);
    let asked = app.ai_engine.questions();
    // The first ten questions have all that was said in their history.
    for (number, asked) in asked.iter().enumerate() {
        let has_summary = asked.question.summary.is_some();
        assert!(!has_summary || number >= 10, "question {number}");
    }
}

#[tokio::test]
async fn a_question_is_sent_with_the_summary_and_no_message_is_in_neither() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let conversation = session["conversation_id"].as_str().unwrap();
    let mut client = app.connect(&channel, &session).await;
    for number in 0..20 {
        client.ask(&format!("Question {number}?")).await;
        client.skip_to("ai_response").await;
        // As a person asks: the job has time to run.
        if number >= 10 && number % 5 == 0 {
            summarised(&app, conversation, 2 * number - 18).await;
        }
    }
    summarised(&app, conversation, 20).await;
    client.ask("And now?").await;
    client.skip_to("ai_response").await;
    let asked = app.ai_engine.questions();
    let last = &asked.last().unwrap().question;
    let summary = last.summary.as_ref().unwrap().as_str();
    for number in 0..20 {
        let text = format!("Question {number}?");
        let in_summary = summary
            .lines()
            .any(|line| line == format!("Visitor: {text}"));
        let in_history = last
            .history
            .iter()
            .any(|turn| turn.content.as_str() == text);
        assert!(in_summary || in_history, "{number}: {summary}");
    }

    // It goes with the conversation, and is in the copy of the account.
    let admin = app.admin().await;
    let erased = sqlx::query("delete from channel.conversations").execute(&admin);
    assert_eq!(erased.await.unwrap().rows_affected(), 1);
    let exposed = app.owner().get(CONVERSATIONS).await.text();
    assert!(!exposed.contains("summary"), "{exposed}");
}
