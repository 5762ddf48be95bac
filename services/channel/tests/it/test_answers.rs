//! Order and numbers of messages: many concurrent senders, one answer at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use serde_json::json;
use shared_ai_client::{AnswerMode, TurnRole};
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::fake_ai_engine::Reply;
use crate::test_app::TestApp;
use crate::widget_client::WidgetClient;

/// Asks once and reads until the other 39 messages and the ack have arrived.
async fn ask_and_read_all(mut client: WidgetClient, question: String) -> Vec<i64> {
    client.ask(&question).await;
    let (mut seqs, mut acked) = (Vec::new(), false);
    while seqs.len() < 39 || !acked {
        let frame = client.next().await;
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
    let app = TestApp::new().await;
    let second = app.another_replica().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut senders = Vec::new();
    for number in 0..20 {
        // Half of them use another replica: the numbers come from the database.
        let replica = [&app.replica, &second][number % 2];
        let client = replica.connect(&channel, &session, 0).await;
        let question = format!("Question {number}?");
        senders.push(tokio::spawn(ask_and_read_all(client, question)));
    }
    for sender in senders {
        let seqs = sender.await.unwrap();
        assert!(
            seqs.is_sorted(),
            "each socket receives messages in the order of their numbers: {seqs:?}"
        );
        assert_eq!(seqs.len(), 39, "all but its own, which is acknowledged");
    }
    let rows = sqlx::query_as::<_, (i64, String, Option<i64>)>(
        "select seq, role, reply_to from channel.messages order by seq",
    );
    let rows = rows.fetch_all(&app.admin().await).await.unwrap();
    assert!(rows.iter().map(|row| row.0).eq(1..=40));
    let asked = rows.iter().filter(|r| r.1 == "user").map(|r| Some(r.0));
    let replies = rows.iter().filter(|r| r.1 == "assistant").map(|r| r.2);
    assert!(
        asked.eq(replies),
        "every question has one answer, in the order of the questions"
    );
    assert_eq!(app.ai_engine.questions().len(), 20);
    assert_eq!(app.ai_engine.max_concurrent(), 1, "one answer at a time");
}

#[tokio::test]
async fn a_question_is_sent_with_the_messages_before_it() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    app.ai_engine
        .reply_next(Reply::slow_text("A slow one", Duration::from_millis(100)));
    client.ask("First?").await;
    client.skip_to("ai_start").await;
    client.ask("Second?").await;
    client.skip_to("ai_response").await;
    client.skip_to("ai_response").await;
    let asked = app.ai_engine.questions();
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
        client.ask(&format!("Number {number}?")).await;
        client.skip_to("ai_response").await;
    }
    let last = app.ai_engine.questions().pop().unwrap();
    assert_eq!(last.question.history.len(), 20);
}

#[tokio::test]
async fn the_channel_determines_the_answer_mode() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    client.ask("As the platform does?").await;
    client.skip_to("ai_response").await;
    let path = format!("/channels/v1/channels/{channel}");
    let change = json!({"widget": {"answer_mode": "extractive"}});
    app.owner()
        .json(Method::PATCH, &path, &change)
        .await
        .expect(StatusCode::OK);
    client.ask("Word for word?").await;
    client.skip_to("ai_response").await;
    let modes: Vec<_> = app
        .ai_engine
        .questions()
        .iter()
        .map(|a| a.question.mode)
        .collect();
    assert_eq!(modes, [None, Some(AnswerMode::Extractive)]);
}

async fn count(admin: &PgPool, sql: &'static str) -> i64 {
    let row = sqlx::query_as::<_, (i64,)>(sql).fetch_one(admin).await;
    row.unwrap().0
}

#[tokio::test]
async fn an_answer_is_discarded_when_a_person_takes_over() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    let admin = app.admin().await;
    let the_end = Arc::new(Notify::new());
    app.ai_engine.reply_next(Reply::Held(Arc::clone(&the_end)));
    client.ask("Anybody?").await;
    client.skip_to("ai_delta").await;
    let take_over = sqlx::query("update channel.conversations set owner = 'human'");
    take_over.execute(&admin).await.unwrap();
    client.ask("Hello?").await;
    client.skip_to("ack").await;
    the_end.notify_one();
    let open = "select count(*) from platform.jobs where state in ('queued', 'running')";
    let began = Instant::now();
    while app.ai_engine.running() > 0 || count(&admin, open).await > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "it never ends");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let query = sqlx::query_as::<_, (String,)>("select role from channel.messages order by seq");
    let roles: Vec<_> = query
        .fetch_all(&admin)
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.0)
        .collect();
    assert_eq!(roles, ["user", "user"]);
    assert_eq!(app.ai_engine.questions().len(), 1);
}

#[tokio::test]
async fn a_question_of_a_crashed_process_is_answered_at_the_next_connect() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    client.ask("First?").await;
    client.skip_to("ai_response").await;
    drop(client);
    // As if the process had crashed between commit and answer and its lease had expired.
    let crash =
        "update channel.conversations set answered_seq = 0, lease_token = gen_random_uuid(),
        lease_until = now() - interval '1 second'";
    sqlx::query(crash)
        .execute(&app.admin().await)
        .await
        .unwrap();
    let mut client = app.replica.connect(&channel, &session, 2).await;
    assert_eq!(client.skip_to("ai_response").await["reply_to"], 1);
}

#[tokio::test]
async fn a_question_of_a_crashed_process_is_answered_when_its_lease_expires() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    client.ask("First?").await;
    client.skip_to("ai_response").await;
    drop(client);
    let crash =
        "update channel.conversations set answered_seq = 0, lease_token = gen_random_uuid(),
        lease_until = now() + interval '2 seconds'";
    sqlx::query(crash)
        .execute(&app.admin().await)
        .await
        .unwrap();
    let mut client = app.replica.connect(&channel, &session, 2).await;
    assert_eq!(client.next().await["answering"], true);
    assert_eq!(client.skip_to("ai_response").await["seq"], 3);
}

#[tokio::test]
async fn a_job_whose_process_died_answers_a_connected_visitor_once() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    client.ask("First?").await;
    client.skip_to("ai_response").await;
    let admin = app.admin().await;
    // The answer is sent before its job ends.
    let open = "select count(*) from platform.jobs where state in ('queued', 'running')";
    while sqlx::query_scalar::<_, i64>(open)
        .fetch_one(&admin)
        .await
        .unwrap()
        > 0
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // As if the process had died while it generated an answer: both leases are the job's.
    let crash = "with died as (
          insert into platform.jobs (creator_id, id, queue, kind, subject_id, dedupe_key, state,
                                     attempts, lease_token, lease_until)
          select creator_id, gen_random_uuid(), 'channel', 'answer_conversation', id,
                 'answer:' || id, 'running', 1, gen_random_uuid(), now() - interval '1 second'
          from channel.conversations returning id)
        update channel.conversations set answered_seq = 0, lease_token = died.id,
               lease_until = now() + interval '1 minute' from died";
    sqlx::query(crash).execute(&admin).await.unwrap();
    let answer = client.skip_to("ai_response").await;
    assert_eq!(
        (&answer["seq"], &answer["reply_to"]),
        (&json!(3), &json!(1))
    );
    client.ask("Second?").await;
    assert_eq!(client.skip_to("ai_response").await["seq"], 5);
    assert_eq!(app.ai_engine.questions().len(), 3);
}

#[tokio::test]
async fn questions_during_an_answer_are_answered_by_one_job_and_none_is_left() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let session = app.start_session(&channel).await;
    let mut client = app.connect(&channel, &session).await;
    let slow = Reply::slow_text("A slow one", Duration::from_millis(300));
    app.ai_engine.reply_next(slow);
    client.ask("First?").await;
    client.skip_to("ai_start").await;
    for number in 0..5 {
        client.ask(&format!("Number {number}?")).await;
        client.skip_to("ack").await;
    }
    let admin = app.admin().await;
    let count = "select count(*), count(*) filter (where state = 'succeeded') from platform.jobs";
    let jobs = sqlx::query_as::<_, (i64, i64)>(count);
    assert_eq!(jobs.fetch_one(&admin).await.unwrap(), (1, 0));
    let mut answered = Vec::new();
    while answered.len() < 6 {
        answered.push(client.skip_to("ai_response").await["reply_to"].clone());
    }
    let expected: Vec<_> = (1..=6).map(|number| json!(number)).collect();
    assert_eq!(answered, expected);
    loop {
        let jobs = sqlx::query_as::<_, (i64, i64)>(count);
        if jobs.fetch_one(&admin).await.unwrap() == (1, 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
