//! What is away is named, nothing that was said is lost, and all goes on without a reconnect.

use axum::http::StatusCode;
use serde_json::json;
use shared_testkit::TokenMint;
use tokio::net::TcpListener;

use crate::engine::{Engine, Play};
use crate::talk::Talk;
use crate::world::World;

async fn connected(world: &World) -> Talk {
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    world.talk(&channel, &session).await
}

#[tokio::test]
async fn an_engine_that_is_away_is_named_and_the_question_stays() {
    let mint = TokenMint::new();
    // A port that refuses now and serves later.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let elsewhere = Engine::start(&mint).await;
    let world = World::with(mint, elsewhere, &format!("http://{address}"), |_| {}).await;
    let mut talk = connected(&world).await;
    talk.ask("Anybody?").await;
    let frames = talk.until("error").await;
    assert_eq!(frames[0]["type"], "ack");
    let error = &frames[frames.len() - 1];
    assert_eq!(error["code"], "dependency_unavailable");
    assert!(error["message"].as_str().unwrap().contains("ai-engine"));
    assert_eq!(error["reply_to"], 1);
    let ready = world.replica.client.get("/readyz").await;
    assert_eq!(
        ready.status,
        StatusCode::OK,
        "ai-engine is told of by each question"
    );

    let engine = Engine::on(&world.mint, TcpListener::bind(address).await.unwrap());
    talk.say(&json!({"type": "retry"})).await;
    let answer = talk.find("ai_response").await;
    assert_eq!(
        (&answer["reply_to"], &answer["content"]),
        (&json!(1), &json!("You asked: Anybody? [1]"))
    );
    talk.ask("And on?").await;
    assert_eq!(talk.find("ai_response").await["seq"], 4);
    assert_eq!(engine.asked().len(), 2);
}

#[tokio::test]
async fn every_way_to_fail_leaves_the_question_and_another_try() {
    let world = World::new().await;
    let mut talk = connected(&world).await;
    let faults = [
        (
            Play::Refuse(StatusCode::SERVICE_UNAVAILABLE),
            "dependency_unavailable",
        ),
        (Play::Refuse(StatusCode::TOO_MANY_REQUESTS), "rate_limited"),
        (
            Play::Refuse(StatusCode::UNPROCESSABLE_ENTITY),
            "answer_refused",
        ),
        (Play::Fail("model_unavailable"), "model_unavailable"),
        (Play::Cut, "answer_interrupted"),
        (Play::say(""), "answer_interrupted"),
    ];
    for (number, (play, code)) in faults.into_iter().enumerate() {
        world.engine.next(play);
        talk.ask(&format!("Try {number}?")).await;
        let error = talk.find("error").await;
        assert_eq!(error["code"], code);
        assert_eq!(error["reply_to"], json!(number + 1));
    }
    let rows = sqlx::query_as::<_, (String,)>("select role from channel.messages");
    let rows = rows.fetch_all(&world.admin().await).await.unwrap();
    assert_eq!(rows.len(), 6);
    assert!(
        rows.iter().all(|row| row.0 == "user"),
        "half an answer is none"
    );
    talk.say(&json!({"type": "retry"})).await;
    let answer = talk.find("ai_response").await;
    assert_eq!(
        (&answer["seq"], &answer["reply_to"]),
        (&json!(7), &json!(6))
    );
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let world = World::new().await;
    let mut talk = connected(&world).await;
    world.engine.next(Play::say(&"endless ".repeat(5000)));
    talk.ask("How long?").await;
    assert_eq!(talk.find("error").await["code"], "answer_too_long");
}

#[tokio::test]
async fn stores_that_are_away_are_named() {
    let mint = TokenMint::new();
    let engine = Engine::start(&mint).await;
    let url = format!("http://{}", engine.address);
    let world = World::with(mint, engine, &url, |config| config.cache.port = 1).await;
    let ready = world.replica.client.get("/channels/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let checks = ready.json()["checks"].clone();
    assert_eq!(
        (&checks[0]["name"], &checks[0]["ready"]),
        (&json!("postgres"), &json!(true))
    );
    assert_eq!(
        (&checks[1]["name"], &checks[1]["ready"]),
        (&json!("redis"), &json!(false))
    );
    let channel = world.widget().await;
    let session = world
        .ask_session(&channel, crate::world::PAGE, &json!({}))
        .await;
    assert_eq!(
        session.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "sessions fail closed"
    );
    assert!(session.text().contains("redis"));
    assert_eq!(session.code(), "dependency_unavailable");
    assert!(session.headers.contains_key("retry-after"));

    let mint = TokenMint::new();
    let engine = Engine::start(&mint).await;
    let world = World::with(mint, engine, &url, |config| config.database.port = 1).await;
    let answer = world.owner().get("/channels/v1/channels").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("postgres"));
    let live = world.replica.client.get("/livez").await;
    assert_eq!(live.status, StatusCode::OK);
}

#[tokio::test]
async fn without_redis_one_process_still_answers_whoever_is_connected() {
    let world = World::new().await;
    let channel = world.widget().await;
    let session = world.session(&channel).await;
    let alone = World::with(
        world.mint.clone(),
        world.engine.clone(),
        &world.config.ai_engine_url,
        |other| {
            other.cache.port = 1;
            other.database = world.config.database.clone();
        },
    )
    .await;
    let mut talk = alone.replica.connect(&channel, &session, 0).await;
    assert_eq!(talk.next().await["type"], "status");
    talk.ask("Still there?").await;
    assert_eq!(talk.find("ai_response").await["seq"], 2);
}
